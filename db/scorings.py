"""Models whose documents are still to be scored, so that their category has its measures.

A category is done when its model is chosen; its documents are scored after that, perhaps by
another process, or by the next engine if this one is killed in between. The column
`trials.scorings` counts how often that was begun, and is NULL where nothing is to be scored.
"""

from __future__ import annotations

from db.connection import Store
from db.events import add_event
from db.trials import Claim

MAX_SCORINGS = 3
"""A scoring that was begun so often and not ended is given up."""

_MODELS = (
    "FROM trials t JOIN run_categories rc ON rc.kept_trial_id = t.id AND rc.lead_id IS NULL "
    "WHERE t.scorings IS NOT NULL AND rc.state = 'done'"
)
_AT_IT = "EXISTS (SELECT 1 FROM workers w WHERE w.scores_trial_id = t.id AND w.state = 'scoring')"
_OWED = f"{_MODELS} AND t.scorings < {MAX_SCORINGS} AND NOT {_AT_IT}"


def enqueue_scoring(store: Store, trial_id: int) -> None:
    """Have the documents of a model that was just chosen scored, inside a transaction."""
    store.execute("UPDATE trials SET scorings = 0 WHERE id = ?", (trial_id,))


def has_pending_scoring(store: Store) -> bool:
    """Whether a worker could begin to score."""
    return store.row(f"SELECT 1 {_OWED} LIMIT 1") is not None


def claim_scoring(store: Store, worker_id: int, run_category_id: int | None = None) -> Claim | None:
    """Let a worker score documents under the model of a category that is done.

    `run_category_id` names the one; None takes the first. None if there is nothing to score.
    """
    which = "" if run_category_id is None else f" AND rc.id = {int(run_category_id)}"
    with store.write():
        row = store.row(
            "SELECT t.id, rc.id AS run_category_id, rc.run_id, t.attempt, t.class_weight, t.claim "
            f"{_OWED}{which} ORDER BY rc.id LIMIT 1"
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


def requeue_scoring(store: Store, claim: Claim) -> None:
    """Leave a scoring that was begun for later; the try does not count."""
    with store.write():
        store.execute(
            "UPDATE trials SET scorings = max(scorings - 1, 0) WHERE id = ?", (claim.trial_id,)
        )


def fail_scoring(store: Store, trial_id: int, reason: str) -> None:
    """Say, inside a transaction, why a try came to nothing; people hear of the last one."""
    row = store.row(
        f"SELECT rc.id, rc.run_id {_MODELS} AND t.id = ? AND t.scorings >= ?",
        (trial_id, MAX_SCORINGS),
    )
    if row is not None:
        add_event(
            store,
            "unscored",
            f"the test documents are not scored: {reason}; `evaluate` tries it again",
            row["run_id"],
            row["id"],
        )


def fail_scoring_of(store: Store, worker_id: int, reason: str) -> None:
    """Say, inside a transaction, that a worker has died at the scoring that it was at, if any."""
    row = store.row(
        "SELECT scores_trial_id FROM workers WHERE id = ? AND state = 'scoring' "
        "AND scores_trial_id IS NOT NULL",
        (worker_id,),
    )
    if row is not None:
        fail_scoring(store, row["scores_trial_id"], reason)


def scorers_of(store: Store, run_id: int) -> set[int]:
    """The workers that score documents of a run now, as far as the database knows."""
    rows = store.rows(
        "SELECT w.id FROM workers w JOIN trials t ON t.id = w.scores_trial_id "
        "JOIN run_categories rc ON rc.id = t.run_category_id "
        "WHERE rc.run_id = ? AND w.state = 'scoring'",
        (run_id,),
    )
    return {row["id"] for row in rows}


def end_scoring(store: Store, run_id: int, trial_id: int, *, if_not_last: bool = False) -> bool:
    """Say that the documents are scored and the measures recorded; whether it was said.

    `if_not_last`: only if documents of the run are to be scored under other models too.
    """
    with store.write():
        if if_not_last and not _others_are_missing(store, run_id, trial_id):
            return False
        store.execute("UPDATE trials SET scorings = NULL WHERE id = ?", (trial_id,))
        return True


def scores_are_missing(store: Store, run_id: int) -> bool:
    """Whether documents of a run are being scored, or are to be."""
    return _others_are_missing(store, run_id, None)


def _others_are_missing(store: Store, run_id: int, trial_id: int | None) -> bool:
    row = store.row(
        f"SELECT 1 {_MODELS} AND rc.run_id = ? AND t.id IS NOT ? "
        f"AND (t.scorings < {MAX_SCORINGS} OR {_AT_IT}) LIMIT 1",
        (run_id, trial_id),
    )
    return row is not None
