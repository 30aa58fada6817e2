"""Trials: one class weight of one category. Claims, progress, results.

Every write of a worker contains its claim (owner and claim number). A write that matches no row
means that the worker has lost the trial, and raises `LostClaimError`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from core.errors import HTransError
from db.connection import Row, Store
from db.run_categories import update_category
from db.states import ENDED, OPEN_TRIAL, sql_list


class LostClaimError(HTransError):
    """Another worker holds the trial, or it was cancelled."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A trial that a worker holds. `number` counts the trial's claims and is a fencing token."""

    trial_id: int
    run_category_id: int
    run_id: int
    attempt: int
    class_weight: float
    owner: int
    number: int


@dataclass(frozen=True, slots=True)
class Trial:
    """A trial. Metrics and losses are those of its best epoch so far.

    `rung` is the epoch of the last rung that the trial passed, 0 before the first.
    """

    id: int
    run_category_id: int
    attempt: int
    class_weight: float
    state: str
    crashes: int
    reason: str | None
    seconds: float
    epoch: int | None
    kept_epoch: int | None
    training_loss: float | None
    validation_loss: float | None
    precision: float | None
    recall: float | None
    f1: float | None
    source_trial_id: int | None
    model: str | None
    sha256: str | None
    rung: int


@dataclass(frozen=True, slots=True)
class Epoch:
    """One epoch of one trial."""

    epoch: int
    training_loss: float
    validation_loss: float
    precision: float
    recall: float
    f1: float
    seconds: float


_TRIAL = (
    "SELECT id, run_category_id, attempt, class_weight, state, crashes, reason, seconds, epoch, "
    "kept_epoch, training_loss, validation_loss, precision, recall, f1, source_trial_id, model, "
    "sha256, rung FROM trials"
)
_HELD = "id = ? AND owner = ? AND claim = ? AND state = 'running'"


def _trial(row: Row) -> Trial:
    return Trial(*row)


def trial_with_id(store: Store, trial_id: int) -> Trial:
    """The trial with this row id.

    Raises:
        LostClaimError: The trial does not exist any more.
    """
    row = store.row(f"{_TRIAL} WHERE id = ?", (trial_id,))
    if row is None:
        raise LostClaimError(f"trial {trial_id} does not exist any more")
    return _trial(row)


def trials_of(store: Store, run_category_id: int, attempt: int) -> list[Trial]:
    """The trials of one attempt at a category, by class weight."""
    rows = store.rows(
        f"{_TRIAL} WHERE run_category_id = ? AND attempt = ? ORDER BY class_weight",
        (run_category_id, attempt),
    )
    return [_trial(row) for row in rows]


def epochs_of(store: Store, trial_id: int) -> list[Epoch]:
    """The epochs of a trial, in order."""
    rows = store.rows(
        "SELECT epoch, training_loss, validation_loss, precision, recall, f1, seconds "
        "FROM epochs WHERE trial_id = ? ORDER BY epoch",
        (trial_id,),
    )
    return [Epoch(*row) for row in rows]


def claim_trial(store: Store, worker_id: int) -> Claim | None:
    """Claim the next trial for a worker; None if none is ready.

    Older runs come first. Within a run, categories with the most levels below them come first,
    because they are on the critical path.
    """
    with store.write(durable=True):
        row = store.row(
            """
            UPDATE trials SET state = 'running', owner = ?, claim = claim + 1
            WHERE id = (
                SELECT t.id FROM trials t
                JOIN run_categories rc ON rc.id = t.run_category_id AND rc.attempt = t.attempt
                JOIN runs r ON r.id = rc.run_id
                JOIN categories c ON c.id = rc.category_id
                WHERE t.state = 'ready' AND r.state = 'running' AND NOT rc.held
                ORDER BY r.id, c.height DESC, c.position, t.class_weight
                LIMIT 1
            )
            RETURNING id, run_category_id, attempt, class_weight, owner, claim
            """,
            (worker_id,),
        )
        if row is None:
            return None
        run_id = int(
            store.value("SELECT run_id FROM run_categories WHERE id = ?", (row["run_category_id"],))
        )
        update_category(store, row["run_category_id"], state="running")
        store.execute(
            "UPDATE runs SET started_at = coalesce(started_at, ?) WHERE id = ?",
            (time.time(), run_id),
        )
        store.execute(
            "UPDATE workers SET state = 'training', trial_id = ? WHERE id = ?",
            (row["id"], worker_id),
        )
        return Claim(
            trial_id=row["id"],
            run_category_id=row["run_category_id"],
            run_id=run_id,
            attempt=row["attempt"],
            class_weight=row["class_weight"],
            owner=row["owner"],
            number=row["claim"],
        )


def holds(store: Store, claim: Claim) -> bool:
    """Whether the claim is still valid."""
    return store.row(f"SELECT 1 FROM trials WHERE {_HELD}", _key(claim)) is not None


def may_continue(store: Store, claim: Claim) -> bool:
    """Whether the run is running and the category is not held."""
    row = store.row(
        "SELECT r.state = 'running' AND NOT rc.held FROM run_categories rc "
        "JOIN runs r ON r.id = rc.run_id WHERE rc.id = ?",
        (claim.run_category_id,),
    )
    return row is not None and bool(row[0])


def record_source(store: Store, claim: Claim, source_trial_id: int) -> None:
    """Record the trial whose model a trial starts from; a resumed trial uses the same one."""
    with store.write(durable=True):
        _update_held(store, claim, "source_trial_id = ?", (source_trial_id,))


def rewind_progress(store: Store, claim: Claim, epoch: int, batch: int) -> None:
    """Delete progress after the checkpoint from which the trial resumes."""
    with store.write():
        store.execute(
            "DELETE FROM progress WHERE trial_id = ? AND (epoch > ? OR (epoch = ? AND batch > ?))",
            (claim.trial_id, epoch, epoch, batch),
        )


def record_progress(
    store: Store,
    claim: Claim,
    *,
    epoch: int,
    batch: int,
    batches: int,
    loss: float,
    documents_per_second: float,
    seconds: float,
) -> None:
    """Append the running loss, and add `seconds` of worker time to the trial.

    Raises:
        LostClaimError: The worker has lost the trial.
    """
    with store.write():
        _update_held(store, claim, "epoch = ?, seconds = seconds + ?", (epoch, seconds))
        store.execute(
            "INSERT INTO progress (trial_id, epoch, batch, batches, loss, documents_per_second, at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (claim.trial_id, epoch, batch, batches, loss, documents_per_second, time.time()),
        )


def record_epoch(
    store: Store, claim: Claim, result: Epoch, *, is_kept: bool, seconds: float
) -> None:
    """Record an epoch; with `is_kept`, also as the trial's best epoch so far.

    Raises:
        LostClaimError: The worker has lost the trial.
    """
    with store.write():
        _update_held(store, claim, "epoch = ?, seconds = seconds + ?", (result.epoch, seconds))
        if is_kept:
            _update_held(
                store,
                claim,
                "kept_epoch = ?, training_loss = ?, validation_loss = ?, precision = ?, "
                "recall = ?, f1 = ?",
                (
                    result.epoch,
                    result.training_loss,
                    result.validation_loss,
                    result.precision,
                    result.recall,
                    result.f1,
                ),
            )
        store.execute(
            "INSERT OR REPLACE INTO epochs (trial_id, epoch, training_loss, validation_loss, "
            "precision, recall, f1, seconds) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                claim.trial_id,
                result.epoch,
                result.training_loss,
                result.validation_loss,
                result.precision,
                result.recall,
                result.f1,
                result.seconds,
            ),
        )


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model file: path in the workspace, SHA-256, and name of its embedding table."""

    path: str
    sha256: str
    embeddings: str | None


def finish_trial(store: Store, claim: Claim, model: ModelFile) -> None:
    """Mark a trial as done and record its model file, inside a transaction."""
    _update_held(
        store,
        claim,
        "state = 'done', owner = NULL, model = ?, sha256 = ?, embeddings = ?",
        (model.path, model.sha256, model.embeddings),
    )


def is_table_needed(store: Store, embeddings: str) -> bool:
    """Whether a selected model, or one that may still be selected, uses this embedding table."""
    return (
        store.row(
            f"""
            SELECT 1 FROM trials t JOIN run_categories rc ON rc.id = t.run_category_id
            WHERE t.embeddings = ? AND (
                t.id = rc.kept_trial_id
                OR t.id IN (SELECT kept_trial_id FROM attempts WHERE run_category_id = rc.id)
                OR (t.attempt = rc.attempt
                    AND rc.state NOT IN {sql_list(ENDED)})
            ) LIMIT 1
            """,
            (embeddings,),
        )
        is not None
    )


def fail_trial(store: Store, claim: Claim, reason: str) -> None:
    """Mark a trial as failed, inside a transaction."""
    _update_held(store, claim, "state = 'failed', owner = NULL, reason = ?", (reason,))


def release_trial(store: Store, claim: Claim, state: str) -> None:
    """Release a trial as `ready` or `paused`, inside a transaction."""
    _update_held(store, claim, "state = ?, owner = NULL", (state,))


def crash_trial(store: Store, trial_id: int, owner: int, reason: str, max_crashes: int) -> bool:
    """Release the trial of a dead worker, inside a transaction.

    The trial becomes ready, or failed after `max_crashes` crashes.

    Returns:
        False if the worker `owner` does not hold the trial.
    """
    cursor = store.execute(
        "UPDATE trials SET crashes = crashes + 1, reason = ?, owner = NULL, "
        "state = CASE WHEN crashes + 1 >= ? THEN 'failed' ELSE 'ready' END "
        "WHERE id = ? AND owner = ? AND state = 'running'",
        (reason, max_crashes, trial_id, owner),
    )
    return cursor.rowcount > 0


def _key(claim: Claim) -> tuple[int, int, int]:
    return claim.trial_id, claim.owner, claim.number


def _update_held(store: Store, claim: Claim, assignments: str, values: tuple[object, ...]) -> None:
    cursor = store.execute(
        f"UPDATE trials SET {assignments} WHERE {_HELD}", (*values, *_key(claim))
    )
    if cursor.rowcount == 0:
        raise LostClaimError(f"trial {claim.trial_id} is no longer held by this worker")


def attempt_tables(store: Store, run_category_id: int, attempt: int) -> list[str]:
    """Names of the embedding tables that the models of an attempt use."""
    rows = store.rows(
        "SELECT DISTINCT embeddings FROM trials WHERE run_category_id = ? AND attempt = ? "
        "AND embeddings IS NOT NULL",
        (run_category_id, attempt),
    )
    return [row["embeddings"] for row in rows]


def run_tables(store: Store, run_id: int) -> list[str]:
    """Names of the embedding tables that the models of a run use."""
    rows = store.rows(
        "SELECT DISTINCT t.embeddings FROM trials t JOIN run_categories rc "
        "ON rc.id = t.run_category_id WHERE rc.run_id = ? AND t.embeddings IS NOT NULL",
        (run_id,),
    )
    return [row["embeddings"] for row in rows]


def count_running_trials(store: Store, run_id: int) -> int:
    """Number of a run's trials that workers hold."""
    return int(
        store.value(
            "SELECT count(*) FROM trials t JOIN run_categories rc ON rc.id = t.run_category_id "
            "WHERE rc.run_id = ? AND t.owner IS NOT NULL AND t.state = 'running'",
            (run_id,),
        )
    )


def running_trials_of(store: Store, worker_id: int) -> list[tuple[int, int]]:
    """The trials that a worker holds, as (trial, category) row ids."""
    rows = store.rows(
        "SELECT id, run_category_id FROM trials WHERE owner = ? AND state = 'running'",
        (worker_id,),
    )
    return [(row["id"], row["run_category_id"]) for row in rows]


def has_trial_to_train(store: Store) -> bool:
    """Whether a trial is running or can be claimed."""
    row = store.row(
        "SELECT 1 FROM trials t JOIN run_categories rc ON rc.id = t.run_category_id "
        "JOIN runs r ON r.id = rc.run_id WHERE t.state = 'running' "
        "OR (t.state = 'ready' AND r.state = 'running' AND NOT rc.held) LIMIT 1"
    )
    return row is not None


@dataclass(frozen=True, slots=True)
class CrashedTrial:
    """A crashed trial and its run."""

    run_category_id: int
    class_weight: float
    crashes: int
    state: str
    run_id: int


def crashed_trial(store: Store, trial_id: int) -> CrashedTrial | None:
    """The crashed trial with this row id, or None."""
    row = store.row(
        "SELECT t.run_category_id, t.class_weight, t.crashes, t.state, rc.run_id FROM trials t "
        "JOIN run_categories rc ON rc.id = t.run_category_id WHERE t.id = ?",
        (trial_id,),
    )
    return None if row is None else CrashedTrial(*row)


def requeue_trial(store: Store, trial_id: int) -> None:
    """Release a trial without counting a crash, inside a transaction."""
    store.execute("UPDATE trials SET state = 'ready', owner = NULL WHERE id = ?", (trial_id,))


def prune_trial(store: Store, trial_id: int) -> None:
    """Prune a trial that waits at a rung, inside a transaction."""
    store.execute("UPDATE trials SET state = 'dropped' WHERE id = ?", (trial_id,))


def promote_trial(store: Store, trial_id: int, rung: int) -> None:
    """Let a trial that waits at a rung train up to the next rung, inside a transaction."""
    store.execute("UPDATE trials SET state = 'ready', rung = ? WHERE id = ?", (rung, trial_id))


def resume_trials(store: Store, run_category_id: int) -> bool:
    """Make the paused trials of a category ready, inside a transaction.

    Returns:
        Whether the category had paused trials.
    """
    cursor = store.execute(
        "UPDATE trials SET state = 'ready' WHERE state = 'paused' AND run_category_id = ?",
        (run_category_id,),
    )
    return cursor.rowcount > 0


def cancel_trials(store: Store, run_category_id: int) -> None:
    """Cancel the unfinished trials of a category, inside a transaction."""
    store.execute(
        "UPDATE trials SET state = 'cancelled', owner = NULL WHERE run_category_id = ? "
        f"AND state IN {sql_list(OPEN_TRIAL)}",
        (run_category_id,),
    )


def batch_losses(store: Store, trial_id: int, after: int) -> Iterator[tuple[int, float, float]]:
    """Progress rows of a trial with ids above `after`, as (id, epochs so far, loss)."""
    cursor = store.execute(
        "SELECT id, epoch - 1 + batch * 1.0 / batches, loss FROM progress "
        "WHERE trial_id = ? AND id > ? ORDER BY id",
        (trial_id, after),
    )
    return ((row[0], row[1], row[2]) for row in cursor)


def trial_seconds(store: Store, run_id: int) -> list[tuple[str, int, float]]:
    """The current trials of a run as (category, trial row id, worker seconds).

    The trials of a shared model are listed for each of its categories.
    """
    rows = store.rows(
        "SELECT c.key, t.id, t.seconds FROM run_categories rc "
        "JOIN trials t ON t.run_category_id = coalesce(rc.lead_id, rc.id) "
        "AND t.attempt = rc.attempt "
        "JOIN categories c ON c.id = rc.category_id WHERE rc.run_id = ?",
        (run_id,),
    )
    return [(row["key"], row["id"], float(row["seconds"])) for row in rows]
