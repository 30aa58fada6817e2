"""What the app shows, read from the database in one go: immutable, made by the poller."""

from __future__ import annotations

from dataclasses import dataclass

from core.engine.history import PastAttempt, history_of
from core.engine.status import CategoryStatus, RunStatus, Status, all_runs, status_of
from db.connection import Store
from db.events import Event, events_of
from db.runs import run_category
from db.trials import Epoch, Trial, epochs_of, trials_of

CURVE_POINTS = 400
"""Points of a curve of the running loss that are read at most."""
SPARK_POINTS = 6


@dataclass(frozen=True, slots=True)
class TrialCurves:
    """A trial with its epochs; `running_loss` are (epochs so far, loss) pairs."""

    trial: Trial
    epochs: tuple[Epoch, ...]
    running_loss: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Details:
    """The selected category, the trials of its current attempt, and all attempts.

    Where it shares its model with others, they are the model's.
    """

    category: CategoryStatus
    trials: tuple[TrialCurves, ...]
    history: tuple[PastAttempt, ...] = ()

    @property
    def shown(self) -> TrialCurves | None:
        """The trial whose losses are drawn: the chosen one, else the furthest that runs."""
        with_epochs = [t for t in self.trials if t.epochs or t.running_loss]
        if self.category.class_weight is not None:
            for trial in with_epochs:
                if trial.trial.class_weight == self.category.class_weight:
                    return trial
        return max(
            with_epochs,
            key=lambda t: (t.trial.state == "running", t.trial.f1 or 0.0, t.trial.epoch or 0),
            default=None,
        )


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything on screen. `problem` says why there is nothing, if so."""

    runs: tuple[RunStatus, ...] = ()
    status: Status | None = None
    details: Details | None = None
    events: tuple[Event, ...] = ()
    sparks: tuple[tuple[int, tuple[float, ...]], ...] = ()
    problem: str | None = None


def take_snapshot(store: Store, run_id: int | None, category_id: int | None) -> Snapshot:
    """Read what is to be shown of the runs, of one run, and of one of its categories.

    All of it is of one moment.
    """
    with store.snapshot():
        runs = tuple(all_runs(store))
        if run_id is None:
            return Snapshot(runs=runs)
        status = status_of(store, run_id)
        chosen = next((c for c in status.categories if c.id == category_id), None)
        return Snapshot(
            runs=runs,
            status=status,
            details=None if chosen is None else _details(store, chosen),
            events=tuple(events_of(store, run_id)),
            sparks=_sparks(store, run_id),
        )


def _details(store: Store, category: CategoryStatus) -> Details:
    trials = []
    trained_by = run_category(store, category.id).trained_by
    for trial in trials_of(store, trained_by, category.attempt):
        epochs = tuple(epochs_of(store, trial.id))
        trials.append(TrialCurves(trial, epochs, _running_loss(store, trial.id)))
    return Details(category, tuple(trials), history_of(store, category.id))


def _running_loss(store: Store, trial_id: int) -> tuple[tuple[float, float], ...]:
    rows = store.value("SELECT count(*) FROM progress WHERE trial_id = ?", (trial_id,))
    step = rows // CURVE_POINTS + 1
    points = store.rows(
        "SELECT epoch - 1 + batch * 1.0 / batches AS x, loss FROM ("
        "  SELECT *, row_number() OVER (ORDER BY id DESC) AS place FROM progress WHERE trial_id = ?"
        ") WHERE (place - 1) % ? = 0 ORDER BY id",
        (trial_id, step),
    )
    return tuple((row["x"], row["loss"]) for row in points)


def _sparks(store: Store, run_id: int) -> tuple[tuple[int, tuple[float, ...]], ...]:
    """Training losses by epoch of each category's kept or furthest trial, the newest few."""
    rows = store.rows(
        """
        SELECT rc.id, e.training_loss FROM run_categories rc
        JOIN epochs e ON e.trial_id = coalesce(
            CASE WHEN rc.state = 'done' THEN rc.kept_trial_id END,
            (SELECT t.id FROM trials t WHERE t.run_category_id = coalesce(rc.lead_id, rc.id)
             AND t.attempt = rc.attempt AND t.epoch IS NOT NULL
             ORDER BY t.state = 'running' DESC, t.epoch DESC LIMIT 1))
        WHERE rc.run_id = ? ORDER BY rc.id, e.epoch
        """,
        (run_id,),
    )
    sparks: dict[int, list[float]] = {}
    for row in rows:
        sparks.setdefault(row["id"], []).append(row["training_loss"])
    return tuple((key, tuple(losses[-SPARK_POINTS:])) for key, losses in sparks.items())
