"""Threshold tuning: choose the decision threshold with the best F1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Threshold:
    """A decision threshold and its F1."""

    value: float
    f1: float


def best_threshold(targets: npt.NDArray[np.bool_], scores: Scores, default: float) -> Threshold:
    """Find the threshold with the best F1.

    The candidates are `default` and the midpoints of neighbouring scores. Ties go to the candidate
    nearest to `default`.

    Args:
        targets: Labels (documents,).
        scores: Scores (documents,).
        default: Threshold to return if there is no positive.
    """
    if not targets.any():
        return Threshold(default, 0.0)
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order].astype(np.float64)
    hits = np.cumsum(targets[order])
    accepted = np.arange(1, len(ranked) + 1)
    f1 = 2.0 * hits / (accepted + targets.sum())
    lower = np.append(ranked[1:], -np.inf)
    ends = ranked > lower
    best = f1[ends].max()
    indices = np.flatnonzero(ends & (f1 == best))
    if any(lower[i] < default <= ranked[i] for i in indices):
        return Threshold(default, float(best))
    # The lowest score has no lower neighbour.
    below = np.where(np.isfinite(lower[indices]), lower[indices], 2 * ranked[indices] - default)
    # Scores are float32. The midpoint of two adjacent float32 values rounds to one of them.
    values = ((ranked[indices] + below) / 2).astype(np.float32).astype(np.float64)
    values = np.where((below < values) & (values <= ranked[indices]), values, ranked[indices])
    return Threshold(float(values[np.abs(values - default).argmin()]), float(best))


MIN_F1 = 0.1
"""A cross-validated threshold with a lower F1 is not trusted."""


def cautious_threshold(targets: npt.NDArray[np.bool_], scores: Scores, default: float) -> Threshold:
    """Find the best threshold; use the highest score if its F1 is below `MIN_F1`.

    SCutFBR.1 (Yang 2001, "A study on thresholding strategies for text categorization"), as in
    Lewis et al. 2004. For rare categories a low threshold would accept far too many documents.
    The arguments are those of `best_threshold`.
    """
    threshold = best_threshold(targets, scores, default)
    if threshold.f1 >= MIN_F1 or not len(scores):
        return threshold
    highest = float(scores.max())
    accepted = scores >= highest
    hits = int(np.count_nonzero(accepted & targets))
    return Threshold(highest, 2.0 * hits / (np.count_nonzero(accepted) + np.count_nonzero(targets)))
