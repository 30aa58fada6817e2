"""Manually set thresholds of categories, and the bounds of top-down prediction."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass

from db.connection import Store


@dataclass(frozen=True, slots=True)
class SetThreshold:
    """A manual threshold on the model's score, and the split on which it was chosen."""

    threshold: float
    split: str


def set_threshold(store: Store, trial_id: int, run_category_id: int) -> SetThreshold | None:
    """The manual threshold of a category under a trial's model, or None."""
    row = store.row(
        "SELECT threshold, split FROM set_thresholds WHERE trial_id = ? AND run_category_id = ?",
        (trial_id, run_category_id),
    )
    return None if row is None else SetThreshold(row["threshold"], row["split"])


def set_thresholds(store: Store, run_id: int) -> dict[int, SetThreshold]:
    """The manual thresholds of the active models of a run, by category row id."""
    rows = store.rows(
        "SELECT s.run_category_id, s.threshold, s.split FROM set_thresholds s "
        "JOIN run_categories rc ON rc.id = s.run_category_id AND rc.kept_trial_id = s.trial_id "
        "WHERE rc.run_id = ?",
        (run_id,),
    )
    return {r["run_category_id"]: SetThreshold(r["threshold"], r["split"]) for r in rows}


def record_threshold(
    store: Store, trial_id: int, run_category_id: int, threshold: float, split: str
) -> None:
    """Record a manual threshold, inside a transaction."""
    store.execute(
        "INSERT OR REPLACE INTO set_thresholds "
        "(trial_id, run_category_id, threshold, split, set_at) VALUES (?, ?, ?, ?, ?)",
        (trial_id, run_category_id, threshold, split, time.time()),
    )


def delete_threshold(store: Store, trial_id: int, run_category_id: int) -> None:
    """Delete a manual threshold, inside a transaction."""
    store.execute(
        "DELETE FROM set_thresholds WHERE trial_id = ? AND run_category_id = ?",
        (trial_id, run_category_id),
    )


def top_down_bounds(store: Store, run_id: int, models: str) -> dict[str, float] | None:
    """The recorded bounds by category key; None if other `models` produced them."""
    row = store.row(
        "SELECT bounds FROM top_down_bounds WHERE run_id = ? AND models = ?", (run_id, models)
    )
    return None if row is None else json.loads(row["bounds"])


def record_top_down_bounds(
    store: Store, run_id: int, models: str, bounds: dict[str, float]
) -> None:
    """Record the bounds by category key; `models` is the fingerprint of the models."""
    with store.write():
        store.execute(
            "INSERT OR REPLACE INTO top_down_bounds (run_id, models, bounds) VALUES (?, ?, ?)",
            (run_id, models, json.dumps(bounds)),
        )
