"""Metrics of a trial's model by category and split, and Platt parameters of its scores."""

from __future__ import annotations

from core.metrics.platt_params import PlattParams
from db.connection import Store


def record_metrics(
    store: Store,
    trial_id: int,
    run_category_id: int,
    split: str,
    counts: tuple[int, int, int],
    f1: float,
) -> None:
    """Record the counts (tp, fp, fn) and F1 of a trial's model on a split."""
    known = store.row(
        "SELECT tp, fp, fn FROM measures WHERE trial_id = ? AND run_category_id = ? AND split = ?",
        (trial_id, run_category_id, split),
    )
    if known is not None and tuple(known) == counts:
        return
    with store.write():
        store.execute(
            "INSERT OR REPLACE INTO measures (trial_id, run_category_id, split, tp, fp, fn, f1) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (trial_id, run_category_id, split, *counts, f1),
        )


def platt_params(store: Store, trial_id: int, run_category_id: int) -> PlattParams | None:
    """The recorded Platt parameters and threshold, or None."""
    row = store.row(
        "SELECT threshold, slope, intercept FROM validation_fits "
        "WHERE trial_id = ? AND run_category_id = ?",
        (trial_id, run_category_id),
    )
    return None if row is None else PlattParams(*row)


def record_platt_params(
    store: Store, trial_id: int, run_category_id: int, fit: PlattParams
) -> None:
    """Record Platt parameters and threshold, inside a transaction."""
    store.execute(
        "INSERT OR REPLACE INTO validation_fits "
        "(trial_id, run_category_id, threshold, slope, intercept) VALUES (?, ?, ?, ?, ?)",
        (trial_id, run_category_id, fit.threshold, fit.slope, fit.intercept),
    )
