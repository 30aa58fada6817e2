"""Queries for the remaining time of runs: unfinished trials, and measured seconds and costs.

The cost of a trial is in seconds of the reference machine.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from db.connection import Store
from db.states import ENDED_TRIAL, OPEN, OPEN_TRIAL, STARTABLE, UNCLAIMED_TRIAL, sql_list

# A trial's column `epoch` counts the current epoch as soon as its first batches are recorded.
_TRAINED_EPOCHS = f"""
    CASE WHEN t.epoch IS NULL THEN 0.0
         WHEN t.state IN {sql_list(ENDED_TRIAL)} THEN t.epoch
         ELSE max(
             coalesce((SELECT max(e.epoch) FROM epochs e WHERE e.trial_id = t.id), 0.0),
             coalesce((SELECT p.epoch - 1 + p.batch * 1.0 / p.batches FROM progress p
                       WHERE p.trial_id = t.id ORDER BY p.id DESC LIMIT 1), 0.0)
         ) END
"""


class UnfinishedRecord(NamedTuple):
    """An unfinished category with its own trials. `untouched` counts trials never claimed.

    `changes` are the settings of its attempt, see `attempts`.
    """

    id: int
    parent_id: int | None
    cost: float
    held: int
    state: str
    changes: str
    untouched: int


def unfinished_categories(store: Store, run_id: int) -> list[UnfinishedRecord]:
    """Unfinished categories of a run in training order, without followers of a shared model."""
    rows = store.rows(
        f"""
        SELECT rc.id, rc.parent_id, rc.cost, rc.held, rc.state, a.changes,
               sum(t.state IN {sql_list(UNCLAIMED_TRIAL)} AND t.epoch IS NULL)
        FROM run_categories rc
        JOIN trials t ON t.run_category_id = rc.id AND t.attempt = rc.attempt
        JOIN attempts a ON a.run_category_id = rc.id AND a.attempt = rc.attempt
        WHERE rc.run_id = ? AND rc.state IN {sql_list(OPEN)}
        GROUP BY rc.id
        """,
        (run_id,),
    )
    return [UnfinishedRecord(*row) for row in rows]


class BegunRecord(NamedTuple):
    """A trial that has been claimed. `epochs` includes the fraction of the current epoch."""

    run_category_id: int
    state: str
    rung: int
    epochs: float
    kept_epoch: int | None


def begun_trials(store: Store, run_id: int) -> list[BegunRecord]:
    """Trials of the unfinished categories of a run that workers have claimed, by category.

    Contains the trials that are done, because successive halving compares the others with them.
    """
    rows = store.rows(
        f"""
        SELECT rc.id, t.state, t.rung, {_TRAINED_EPOCHS}, t.kept_epoch
        FROM run_categories rc JOIN trials t ON t.run_category_id = rc.id AND t.attempt = rc.attempt
        WHERE rc.run_id = ? AND rc.state IN {sql_list(STARTABLE)}
        AND t.state IN {sql_list((*OPEN_TRIAL, "done"))}
        AND NOT (t.state IN {sql_list(UNCLAIMED_TRIAL)} AND t.epoch IS NULL)
        ORDER BY rc.id, t.class_weight
        """,
        (run_id,),
    )
    return [BegunRecord(*row) for row in rows]


class Measured(NamedTuple):
    """Sums over trials: `seconds` and `cost` of the trained epochs, and the `finished` trials.

    `epochs` are those of the finished trials.
    """

    seconds: float
    cost: float
    finished: int
    epochs: int


_MEASURED = f"""
    SELECT coalesce(sum(t.seconds), 0.0), coalesce(sum(rc.cost * ({_TRAINED_EPOCHS})), 0.0),
           coalesce(sum(t.state = 'done'), 0),
           coalesce(sum(CASE WHEN t.state = 'done' THEN t.epoch END), 0)
    FROM run_categories rc JOIN trials t ON t.run_category_id = rc.id
    JOIN runs r ON r.id = rc.run_id
"""


def measured_in(store: Store, run_id: int) -> Measured:
    """Sums over the trials of all attempts of a run."""
    row = store.row(f"{_MEASURED} WHERE r.id = ?", (run_id,))
    assert row is not None
    return Measured(*row)


def measured_before(store: Store, run_id: int | None, systems: Sequence[str]) -> Measured:
    """Sums over the trials of these systems in the runs before a run; None takes all runs."""
    row = store.row(
        f"{_MEASURED} WHERE r.id < coalesce(?, r.id + 1) "
        "AND r.system IN (SELECT value FROM json_each(?))",
        (run_id, json.dumps(list(systems))),
    )
    assert row is not None
    return Measured(*row)
