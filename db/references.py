"""The models, checkpoints and scores that rows refer to."""

from __future__ import annotations

from dataclasses import dataclass

from db.connection import Store
from db.states import ENDED_TRIAL, OPEN, STARTABLE_TRIAL, sql_list

_NEEDED_MODELS = f"""
    SELECT t.id FROM trials t JOIN run_categories rc ON rc.id = t.run_category_id
    WHERE t.model IS NOT NULL AND (
        t.id IN (SELECT kept_trial_id FROM run_categories)
        OR t.id IN (SELECT kept_trial_id FROM attempts)
        OR t.id IN (
            SELECT source_trial_id FROM trials
            WHERE state IN {sql_list(STARTABLE_TRIAL)}
        )
        OR (t.attempt = rc.attempt AND rc.state IN {sql_list(OPEN)})
    )
"""


def needed_models(store: Store) -> set[int]:
    """Trials whose model is in use, may still be selected, or is the source of a trial."""
    return {row["id"] for row in store.rows(_NEEDED_MODELS)}


def recorded_models(store: Store) -> list[tuple[int, str]]:
    """Trials with a model, and the model's path in the workspace."""
    rows = store.rows("SELECT id, model FROM trials WHERE model IS NOT NULL")
    return [(row["id"], row["model"]) for row in rows]


@dataclass(frozen=True, slots=True)
class ModelChecksum:
    """A model file with its recorded SHA-256, and the run and category it belongs to."""

    model: str
    sha256: str
    run: str
    category: str


def model_checksums(store: Store) -> list[ModelChecksum]:
    """The models of all completed trials."""
    rows = store.rows(
        "SELECT t.model, t.sha256, r.name, c.key FROM trials t "
        "JOIN run_categories rc ON rc.id = t.run_category_id JOIN runs r ON r.id = rc.run_id "
        "JOIN categories c ON c.id = rc.category_id "
        "WHERE t.state = 'done' AND t.model IS NOT NULL ORDER BY t.id"
    )
    return [ModelChecksum(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class UnfinishedTrial:
    """A trial that has not ended, with the parts of its checkpoint's name."""

    id: int
    run_category_id: int
    attempt: int
    class_weight: float
    run_id: int


def unfinished_trials(store: Store) -> list[UnfinishedTrial]:
    """The trials that have not ended."""
    rows = store.rows(
        "SELECT t.id, t.run_category_id, t.attempt, t.class_weight, rc.run_id FROM trials t "
        "JOIN run_categories rc ON rc.id = t.run_category_id "
        f"WHERE t.state NOT IN {sql_list(ENDED_TRIAL)}"
    )
    return [UnfinishedTrial(*row) for row in rows]


def scored_trials(store: Store) -> set[tuple[int, int, int]]:
    """(run, category, trial) row ids that a score file can belong to."""
    rows = store.rows(
        "SELECT rc.run_id, rc.id AS run_category_id, t.id FROM trials t "
        "JOIN run_categories rc ON coalesce(rc.lead_id, rc.id) = t.run_category_id"
    )
    return {(row["run_id"], row["run_category_id"], row["id"]) for row in rows}
