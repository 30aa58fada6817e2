"""Queries for the status of runs: categories, workers, losses and totals.

Records are named tuples, because one read creates thousands of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

from db.connection import Store
from db.states import CLOSED_CATEGORY, COMPLETED_TRIAL, HOLDABLE, sql_list

_AMONG = "rc.id IN (SELECT value FROM json_each(?))"
_OF_RUN = "rc.run_id = ?"


class CategoryRecord(NamedTuple):
    """A category of a run with its model, its trials and the state of its worker.

    `f1` is the validation F1. `heartbeat` is the last heartbeat of the worker that trains the
    category. `live_epoch` and `live_loss` are the last progress of the running trial.
    """

    id: int
    key: str
    name: str
    parent: str | None
    level: int
    positives: int
    stale: int
    state: str
    attempt: int
    class_weight: float | None
    kept_epoch: int | None
    training_loss: float | None
    validation_loss: float | None
    f1: float | None
    test_f1: float | None
    test_accepted: int | None
    created_at: float | None
    heartbeat: float | None
    live_epoch: int | None
    live_loss: float | None
    seconds: float
    trials: int
    trials_done: int


_CATEGORIES = f"""
    SELECT rc.id, c.key, c.name, p.key AS parent, c.level, rc.positives, rc.stale,
           CASE WHEN rc.held AND rc.state IN {sql_list(HOLDABLE)} THEN 'paused'
                ELSE rc.state END AS state,
           rc.attempt, coalesce(rc.class_weight, kept.class_weight) AS class_weight,
           best.kept_epoch, best.training_loss, best.validation_loss,
           CASE WHEN rc.lead_id IS NULL AND NOT EXISTS (
               SELECT 1 FROM run_categories sharing WHERE sharing.lead_id = rc.id
           ) THEN best.f1 ELSE v.f1 END AS f1,
           m.f1 AS test_f1, m.tp + m.fp AS test_accepted, a.created_at, w.heartbeat,
           live.epoch AS live_epoch, live.loss AS live_loss,
           (SELECT coalesce(sum(seconds), 0.0) FROM trials t
            WHERE t.run_category_id = rc.owner_id AND t.attempt = rc.attempt) AS seconds,
           (SELECT count(*) FROM trials t
            WHERE t.run_category_id = rc.owner_id AND t.attempt = rc.attempt) AS trials,
           (SELECT count(*) FROM trials t WHERE t.run_category_id = rc.owner_id
            AND t.attempt = rc.attempt AND t.state IN {sql_list(COMPLETED_TRIAL)}) AS trials_done
    FROM (SELECT *, coalesce(lead_id, id) AS owner_id FROM run_categories) rc
    JOIN categories c ON c.id = rc.category_id
    LEFT JOIN categories p ON p.id = c.parent_id
    LEFT JOIN trials kept ON kept.id = rc.kept_trial_id
    LEFT JOIN trials best ON best.id = coalesce(rc.kept_trial_id, (
        SELECT t.id FROM trials t WHERE t.run_category_id = rc.owner_id AND t.attempt = rc.attempt
        AND t.f1 IS NOT NULL ORDER BY t.f1 DESC, t.class_weight LIMIT 1))
    LEFT JOIN trials running ON running.id = (
        SELECT t.id FROM trials t WHERE t.run_category_id = rc.owner_id AND t.attempt = rc.attempt
        AND t.state = 'running' ORDER BY t.class_weight LIMIT 1)
    LEFT JOIN workers w ON w.id = running.owner
    LEFT JOIN attempts a ON a.run_category_id = rc.owner_id AND a.attempt = rc.attempt
    LEFT JOIN progress live ON live.id = (
        SELECT max(id) FROM progress WHERE trial_id = running.id)
    LEFT JOIN measures m ON m.trial_id = rc.kept_trial_id AND m.run_category_id = rc.id
        AND m.split = 'test'
    LEFT JOIN measures v ON v.trial_id = rc.kept_trial_id AND v.run_category_id = rc.id
        AND v.split = 'validation'
    WHERE {{condition}} ORDER BY c.position
"""


def category_records(store: Store, run_id: int) -> list[CategoryRecord]:
    """All categories of a run, in training order."""
    return [
        CategoryRecord(*row) for row in store.rows(_CATEGORIES.format(condition=_OF_RUN), (run_id,))
    ]


def category_records_among(store: Store, ids: Iterable[int]) -> list[CategoryRecord]:
    """The categories with these row ids, in training order."""
    rows = store.rows(_CATEGORIES.format(condition=_AMONG), (json.dumps(list(ids)),))
    return [CategoryRecord(*row) for row in rows]


def shared_model_users(store: Store, run_id: int) -> list[tuple[int, int]]:
    """Categories that use a shared model, as (owner category, category) row ids."""
    rows = store.rows(
        "SELECT lead_id, id FROM run_categories WHERE run_id = ? AND lead_id IS NOT NULL", (run_id,)
    )
    return [(row["lead_id"], row["id"]) for row in rows]


class WorkerRecord(NamedTuple):
    """A worker that has not ended, and the last progress of its trial."""

    pid: int
    device: str
    state: str
    heartbeat: float
    node: str | None
    run_id: int | None
    category: str | None
    class_weight: float | None
    epoch: int | None
    batch: int | None
    batches: int | None
    documents_per_second: float | None


def worker_records(store: Store) -> list[WorkerRecord]:
    """All workers that have not ended, by row id."""
    rows = store.rows(
        """
        SELECT w.pid, w.device, w.state, w.heartbeat, w.node, rc.run_id, c.key, t.class_weight,
               live.epoch, live.batch, live.batches, live.documents_per_second
        FROM workers w
        LEFT JOIN trials t ON t.id = w.trial_id
        LEFT JOIN run_categories rc ON rc.id = t.run_category_id
        LEFT JOIN categories c ON c.id = rc.category_id
        LEFT JOIN progress live ON live.id = (
            SELECT max(id) FROM progress WHERE trial_id = t.id)
        WHERE w.state <> 'ended' ORDER BY w.id
        """
    )
    return [WorkerRecord(*row) for row in rows]


def category_counts(store: Store, run_id: int) -> tuple[int, int]:
    """Number of categories of a run, and number of closed categories."""
    row = store.row(
        "SELECT count(*) AS total, "
        f"sum(state IN {sql_list(CLOSED_CATEGORY)}) AS done "
        "FROM run_categories WHERE run_id = ?",
        (run_id,),
    )
    assert row is not None
    return row["total"], row["done"] or 0


class ScoreTotals(NamedTuple):
    """Sums of the test counts and F1 of the active models of a run.

    `scored` counts the categories with test metrics, `empty` those without training documents.
    """

    tp: int | None
    fp: int | None
    fn: int | None
    f1: float | None
    categories: int
    scored: int
    empty: int | None


def score_totals(store: Store, run_id: int) -> ScoreTotals:
    """Sums of the test metrics of a run."""
    row = store.row(
        """
        SELECT sum(m.tp) AS tp, sum(m.fp) AS fp, sum(m.fn) AS fn, sum(m.f1) AS f1,
               count(*) AS categories,
               count(m.f1) AS scored, sum(rc.state = 'empty') AS empty
        FROM run_categories rc
        LEFT JOIN measures m ON m.trial_id = rc.kept_trial_id AND m.run_category_id = rc.id
            AND m.split = 'test'
        WHERE rc.run_id = ?
        """,
        (run_id,),
    )
    assert row is not None
    return ScoreTotals(*row)


_LOSSES = """
    SELECT rc.id, e.training_loss FROM run_categories rc
    JOIN epochs e ON e.trial_id = coalesce(
        CASE WHEN rc.state = 'done' THEN rc.kept_trial_id END,
        (SELECT t.id FROM trials t WHERE t.run_category_id = coalesce(rc.lead_id, rc.id)
         AND t.attempt = rc.attempt AND t.epoch IS NOT NULL
         ORDER BY t.state = 'running' DESC, t.epoch DESC LIMIT 1))
    WHERE {condition} ORDER BY rc.id, e.epoch
"""


def epoch_losses(store: Store, run_id: int) -> list[tuple[int, float]]:
    """Training losses of a run as (category row id, loss), ordered by category and epoch."""
    rows = store.rows(_LOSSES.format(condition=_OF_RUN), (run_id,))
    return [(row["id"], row["training_loss"]) for row in rows]


def epoch_losses_among(store: Store, ids: Iterable[int]) -> list[tuple[int, float]]:
    """Training losses of these categories, in the form of `epoch_losses`."""
    rows = store.rows(_LOSSES.format(condition=_AMONG), (json.dumps(list(ids)),))
    return [(row["id"], row["training_loss"]) for row in rows]


class AttemptRecord(NamedTuple):
    """An attempt at a category with the metrics of its model; `current` marks the active model."""

    attempt: int
    origin: str
    changes: str
    created_at: float
    class_weight: float | None
    epoch: int | None
    validation_f1: float | None
    test_f1: float | None
    seconds: float
    current: int


def attempt_records(store: Store, run_category_id: int) -> list[AttemptRecord]:
    """The attempts at a category or at its shared model, newest first."""
    rows = store.rows(
        """
        SELECT a.attempt, a.origin, a.changes, a.created_at, t.class_weight,
               t.kept_epoch AS epoch, t.f1 AS validation_f1,
               m.f1 AS test_f1, (
                   SELECT coalesce(sum(seconds), 0.0) FROM trials
                   WHERE run_category_id = a.run_category_id AND attempt = a.attempt
               ) AS seconds,
               a.kept_trial_id IS NOT NULL AND a.kept_trial_id = rc.kept_trial_id AS current
        FROM run_categories rc
        JOIN attempts a ON a.run_category_id = coalesce(rc.lead_id, rc.id)
        LEFT JOIN trials t ON t.id = a.kept_trial_id
        LEFT JOIN measures m ON m.trial_id = a.kept_trial_id AND m.run_category_id = rc.id
            AND m.split = 'test'
        WHERE rc.id = ? ORDER BY a.attempt DESC
        """,
        (run_category_id,),
    )
    return [AttemptRecord(*row) for row in rows]
