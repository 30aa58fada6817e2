"""Training losses by epoch of the categories of a run."""

from __future__ import annotations

import json
from collections.abc import Iterable

from db.connection import Store

_LOSSES = """
    SELECT rc.id, e.training_loss FROM run_categories rc
    JOIN epochs e ON e.trial_id = coalesce(
        CASE WHEN rc.state = 'done' THEN rc.kept_trial_id END,
        (SELECT t.id FROM trials t WHERE t.run_category_id = coalesce(rc.lead_id, rc.id)
         AND t.attempt = rc.attempt AND t.epoch IS NOT NULL
         ORDER BY t.state = 'running' DESC, t.epoch DESC LIMIT 1))
    WHERE {which} ORDER BY rc.id, e.epoch
"""


def losses_of(store: Store, run_id: int) -> dict[int, tuple[float, ...]]:
    """Losses of each category's kept trial, or of its furthest while it trains, by row id."""
    return _losses(store, "rc.run_id = ?", run_id)


def losses_among(store: Store, ids: Iterable[int]) -> dict[int, tuple[float, ...]]:
    """The same of the categories with these row ids."""
    return _losses(store, "rc.id IN (SELECT value FROM json_each(?))", json.dumps(list(ids)))


def _losses(store: Store, which: str, value: object) -> dict[int, tuple[float, ...]]:
    found: dict[int, list[float]] = {}
    for row in store.rows(_LOSSES.format(which=which), (value,)):
        found.setdefault(row["id"], []).append(row["training_loss"])
    return {id: tuple(losses) for id, losses in found.items()}
