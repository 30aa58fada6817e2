"""The queue of selected models whose documents have not been scored.

A category is done when its model is selected. Its documents are scored afterwards, possibly by
another process or a restarted engine. The column `trials.scorings` counts the scoring attempts of
a model; it is NULL if no scoring is pending.
"""

from __future__ import annotations

from db.connection import Store
from db.events import add_event
from db.trials import Claim

MAX_SCORINGS = 3
"""Maximum number of attempts to score the documents under one model."""

_MODELS = (
    "FROM trials t JOIN run_categories rc ON rc.kept_trial_id = t.id AND rc.lead_id IS NULL "
    "WHERE t.scorings IS NOT NULL AND rc.state = 'done'"
)
_BEING_SCORED = (
    "EXISTS (SELECT 1 FROM workers w WHERE w.scores_trial_id = t.id AND w.state = 'scoring')"
)
_PENDING = f"{_MODELS} AND t.scorings < {MAX_SCORINGS} AND NOT {_BEING_SCORED}"


def enqueue_scoring(store: Store, trial_id: int) -> None:
    """Enqueue the scoring under a selected model, inside a transaction."""
    store.execute("UPDATE trials SET scorings = 0 WHERE id = ?", (trial_id,))


def has_pending_scoring(store: Store) -> bool:
    """Whether a scoring can be claimed."""
    return store.row(f"SELECT 1 {_PENDING} LIMIT 1") is not None


def claim_scoring(store: Store, worker_id: int, run_category_id: int | None = None) -> Claim | None:
    """Claim a pending scoring for a worker; None if none is pending.

    With `run_category_id`, only the scoring of this category is claimed.
    """
    condition = "" if run_category_id is None else f" AND rc.id = {int(run_category_id)}"
    with store.write():
        row = store.row(
            "SELECT t.id, rc.id AS run_category_id, rc.run_id, t.attempt, t.class_weight, t.claim "
            f"{_PENDING}{condition} ORDER BY rc.id LIMIT 1"
        )
        if row is None:
            return None
        store.execute("UPDATE trials SET scorings = scorings + 1 WHERE id = ?", (row["id"],))
        store.execute(
            "UPDATE workers SET state = 'scoring', scores_trial_id = ? WHERE id = ?",
            (row["id"], worker_id),
        )
    return Claim(
        trial_id=row["id"],
        run_category_id=row["run_category_id"],
        run_id=row["run_id"],
        attempt=row["attempt"],
        class_weight=row["class_weight"],
        owner=worker_id,
        number=row["claim"],
    )


def scoring_attempts(store: Store, trial_id: int) -> int:
    """Number of attempts to score the documents under a model, 0 if no scoring is pending."""
    return int(
        store.value("SELECT coalesce(scorings, 0) FROM trials WHERE id = ?", (trial_id,)) or 0
    )


def requeue_scoring(store: Store, claim: Claim) -> None:
    """Return a claimed scoring to the queue without counting the attempt."""
    with store.write():
        store.execute(
            "UPDATE trials SET scorings = max(scorings - 1, 0) WHERE id = ?", (claim.trial_id,)
        )


def fail_scoring(store: Store, trial_id: int, reason: str) -> None:
    """Record a failed scoring attempt, inside a transaction; the last attempt adds an event."""
    row = store.row(
        f"SELECT rc.id, rc.run_id {_MODELS} AND t.id = ? AND t.scorings >= ?",
        (trial_id, MAX_SCORINGS),
    )
    if row is not None:
        add_event(
            store,
            "unscored",
            f"the test documents are not scored: {reason}; `evaluate` tries again",
            row["run_id"],
            row["id"],
        )


def fail_scoring_of(store: Store, worker_id: int, reason: str) -> None:
    """Record the failure of the scoring that a dead worker had claimed, inside a transaction."""
    row = store.row(
        "SELECT scores_trial_id FROM workers WHERE id = ? AND state = 'scoring' "
        "AND scores_trial_id IS NOT NULL",
        (worker_id,),
    )
    if row is not None:
        fail_scoring(store, row["scores_trial_id"], reason)


def scorers_of(store: Store, run_id: int) -> set[int]:
    """Row ids of the workers recorded as scoring documents of a run."""
    rows = store.rows(
        "SELECT w.id FROM workers w JOIN trials t ON t.id = w.scores_trial_id "
        "JOIN run_categories rc ON rc.id = t.run_category_id "
        "WHERE rc.run_id = ? AND w.state = 'scoring'",
        (run_id,),
    )
    return {row["id"] for row in rows}


def end_scoring(store: Store, run_id: int, trial_id: int, *, if_not_last: bool = False) -> bool:
    """Remove a completed scoring from the queue; False if it was not removed.

    With `if_not_last`, it stays in the queue if it is the only unfinished scoring of the run.
    """
    with store.write():
        if if_not_last and not has_unfinished_scoring(store, run_id, except_trial=trial_id):
            return False
        store.execute("UPDATE trials SET scorings = NULL WHERE id = ?", (trial_id,))
        return True


def has_unfinished_scoring(store: Store, run_id: int, except_trial: int | None = None) -> bool:
    """Whether a scoring of a run is pending or in progress, other than that of `except_trial`."""
    row = store.row(
        f"SELECT 1 {_MODELS} AND rc.run_id = ? AND t.id IS NOT ? "
        f"AND (t.scorings < {MAX_SCORINGS} OR {_BEING_SCORED}) LIMIT 1",
        (run_id, except_trial),
    )
    return row is not None
