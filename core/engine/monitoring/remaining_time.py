"""How long a run takes: the estimate before it starts and the ETA while it is active.

Both simulate the schedule of the unfinished trials with the cost model of `core.planning`. The
epochs of earlier runs of the workspace calibrate the cost model, and then those of the run itself.
Other active runs are not simulated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.engine.artifacts.attempt_settings import attempt_settings
from core.planning.remaining import (
    TrialProgress,
    UnfinishedCategory,
    calibrated_pace,
    mean_epochs,
    remaining_seconds,
)
from core.settings import TrainingSettings
from core.systems import System, system_named, systems_with_costs_of
from core.training.class_weight_search import rungs_above
from db.connection import Store
from db.remaining_work import (
    BegunRecord,
    Measured,
    begun_trials,
    measured_before,
    measured_in,
    unfinished_categories,
)
from db.runs import Run


@dataclass(frozen=True, slots=True)
class Estimate:
    """Bounds of the duration of planned trials, in seconds.

    `earliest` is the duration if every trial stops as early as it can, `latest` if no trial stops
    early. `is_measured` is false if only the reference machine's speed is known.
    """

    earliest: float
    latest: float
    is_measured: bool


@dataclass(frozen=True, slots=True)
class PlannedCategory:
    """A category whose trials are planned. `epoch_cost` is in seconds of the reference machine.

    `waits_for` is the key of the parent whose model it starts from, None without one.
    """

    key: str
    waits_for: str | None
    epoch_cost: float


def estimate(
    store: Store,
    planned: Sequence[PlannedCategory],
    settings: TrainingSettings,
    workers: int,
    system: System,
    run: Run | None = None,
) -> Estimate:
    """Estimate the duration of a run, or of a retraining in `run`.

    Args:
        store: The database.
        planned: Categories in training order, parents before their children.
        settings: Settings of the trials.
        workers: Number of workers.
        system: System of the run.
        run: Run whose own epochs calibrate the estimate, None before the run exists.
    """
    indexes = {category.key: index for index, category in enumerate(planned)}
    fewest, most = system.epoch_limits(settings)
    categories = [
        UnfinishedCategory(
            None if category.waits_for is None else indexes[category.waits_for],
            category.epoch_cost,
            fewest,
            most,
            len(settings.class_weights),
            rungs=_rungs(settings, 0),
        )
        for category in planned
    ]
    pace = earlier_pace(store, system, run)
    own = Measured(0.0, 0.0, 0, 0) if run is None else measured_in(store, run.id)
    calibrated = calibrated_pace(pace or 1.0, own.seconds, own.cost, categories)
    earliest, latest = (
        remaining_seconds(categories, workers, calibrated, epochs) for epochs in (fewest, most)
    )
    return Estimate(earliest, latest, pace is not None or own.cost > 0)


def earlier_pace(store: Store, system: System, run: Run | None = None) -> float | None:
    """Seconds per second of cost in the runs before `run`; None without a trained epoch.

    Counts only runs of systems with the same cost model.
    """
    systems = systems_with_costs_of(system)
    measured = measured_before(store, None if run is None else run.id, systems)
    if not measured.cost or not measured.seconds:
        return None
    return measured.seconds / measured.cost


@dataclass(frozen=True, slots=True)
class Eta:
    """Seconds until a run ends, and what they rest on, in words."""

    seconds: float
    basis: str

    def after(self, elapsed: float) -> Eta:
        """The same ETA, `elapsed` seconds later."""
        return replace(self, seconds=round(max(self.seconds - elapsed, 0.0), 1))


def eta(store: Store, run: Run, workers: int, pace: float | None = None) -> Eta | None:
    """Time until a run ends; None if nothing is known.

    Paused categories and the categories below them are not counted.

    Args:
        store: The database.
        run: The run.
        workers: Number of workers.
        pace: Result of `earlier_pace` for the run, None to query it.
    """
    if run.state != "running" or not workers:
        return None
    system, settings = system_named(run.system), TrainingSettings.from_json(run.settings)
    categories = _unfinished(store, run, system)
    if not any(category.epoch_cost for category in categories):
        return None
    own = measured_in(store, run.id)
    earlier = pace or earlier_pace(store, system, run) or 1.0
    calibrated = calibrated_pace(earlier, own.seconds, own.cost, categories)
    expected = mean_epochs(system.epoch_limits(settings)[1], own.finished, own.epochs)
    basis = "if no trial stops early"
    if own.finished:
        basis = f"{own.finished} ended trials of {own.epochs / own.finished:.1f} epochs each"
    return Eta(round(remaining_seconds(categories, workers, calibrated, expected), 1), basis)


def _unfinished(store: Store, run: Run, system: System) -> list[UnfinishedCategory]:
    """Categories that the workers train without a further request of the user."""
    begun: dict[int, list[BegunRecord]] = {}
    for trial in begun_trials(store, run.id):
        begun.setdefault(trial.run_category_id, []).append(trial)
    categories: list[UnfinishedCategory] = []
    indexes: dict[int, int] = {}
    attempts: dict[str, TrainingSettings] = {}
    for category in unfinished_categories(store, run.id):
        trials = begun.get(category.id, [])
        open_ = [trial for trial in trials if trial.state not in ("resting", "done")]
        waits = category.state == "waiting"
        is_paused = category.held or any(trial.state == "paused" for trial in open_)
        if is_paused or (waits and category.parent_id not in indexes):
            continue
        if not category.untouched and not open_:
            continue
        if category.changes not in attempts:
            attempts[category.changes] = attempt_settings(run, category.changes)
        settings = attempts[category.changes]
        indexes[category.id] = len(categories)
        categories.append(
            UnfinishedCategory(
                indexes[category.parent_id] if waits and category.parent_id is not None else None,
                category.cost,
                *system.epoch_limits(settings),
                category.untouched,
                tuple(
                    TrialProgress(t.epochs, t.kept_epoch or 1, t.state == "running") for t in open_
                ),
                _rungs(settings, open_[0].rung if open_ else 0),
                len(trials) - len(open_),
            )
        )
    return categories


def _rungs(settings: TrainingSettings, passed: int) -> tuple[int, ...]:
    return rungs_above(passed) if settings.search == "racing" else ()
