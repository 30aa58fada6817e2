"""Attempts at a category: each trains one trial for each class weight and selects a model."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from db.connection import Store


def add_attempt(
    store: Store,
    run_category_id: int,
    *,
    attempt: int,
    origin: str,
    changes: str,
    state: str,
    class_weights: Sequence[float],
) -> None:
    """Record an attempt with one trial for each class weight, inside a transaction.

    Args:
        store: The database.
        run_category_id: Row id of the category.
        attempt: Number of the attempt, counted from 1.
        origin: Where the parameters come from: "parent", "scratch" or "current".
        changes: JSON object of the settings that differ from the run's.
        state: Initial state of the trials.
        class_weights: One trial is recorded for each.
    """
    store.execute(
        "INSERT INTO attempts (run_category_id, attempt, origin, changes, created_at) "
        "VALUES (?, ?, ?, ?, ?)",
        (run_category_id, attempt, origin, changes, time.time()),
    )
    store.execute_many(
        "INSERT INTO trials (run_category_id, attempt, class_weight, state) "
        f"VALUES ({int(run_category_id)}, {int(attempt)}, ?, ?)",
        [(weight, state) for weight in class_weights],
    )


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt at a category: origin, changed settings (JSON) and selected trial."""

    attempt: int
    origin: str
    changes: str
    kept_trial_id: int | None
    created_at: float


def attempts_of(store: Store, run_category_id: int) -> list[Attempt]:
    """The attempts at a category, oldest first."""
    rows = store.rows(
        "SELECT attempt, origin, changes, kept_trial_id, created_at FROM attempts "
        "WHERE run_category_id = ? ORDER BY attempt",
        (run_category_id,),
    )
    return [Attempt(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class ModelAttempt:
    """The current attempt of a category, and the attempt that trained its active model."""

    run_id: int
    attempt: int
    active: int


def model_attempt(store: Store, run_category_id: int) -> ModelAttempt | None:
    """The current attempt and the attempt of the active model, or None without a model."""
    row = store.row(
        "SELECT rc.run_id, rc.attempt, t.attempt AS active FROM run_categories rc "
        "JOIN trials t ON t.id = rc.kept_trial_id WHERE rc.id = ?",
        (run_category_id,),
    )
    return None if row is None else ModelAttempt(*row)


@dataclass(frozen=True, slots=True)
class ModelSource:
    """The trial of a category's active model, with its origin and source trial."""

    run_category_id: int
    parent_id: int | None
    kept_trial_id: int | None
    stale: bool
    source_trial_id: int | None
    origin: str | None


def model_sources(store: Store, run_id: int) -> list[ModelSource]:
    """The model sources of all categories of a run, in training order."""
    rows = store.rows(
        "SELECT rc.id, rc.parent_id, rc.kept_trial_id, rc.stale, t.source_trial_id, a.origin "
        "FROM run_categories rc JOIN categories c ON c.id = rc.category_id "
        "LEFT JOIN trials t ON t.id = rc.kept_trial_id "
        "LEFT JOIN attempts a ON a.run_category_id = rc.id AND a.attempt = t.attempt "
        "WHERE rc.run_id = ? ORDER BY c.position",
        (run_id,),
    )
    return [
        ModelSource(
            run_category_id=row["id"],
            parent_id=row["parent_id"],
            kept_trial_id=row["kept_trial_id"],
            stale=bool(row["stale"]),
            source_trial_id=row["source_trial_id"],
            origin=row["origin"],
        )
        for row in rows
    ]


def record_attempt_model(store: Store, run_category_id: int, attempt: int, trial_id: int) -> None:
    """Record the trial that an attempt selected, inside a transaction."""
    store.execute(
        "UPDATE attempts SET kept_trial_id = ? WHERE run_category_id = ? AND attempt = ?",
        (trial_id, run_category_id, attempt),
    )
