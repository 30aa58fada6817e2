"""From which score on a category accepts: the threshold with the best F1 on given documents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold, and the F1 of accepting from it on."""

    value: float
    f1: float


def best_threshold(targets: npt.NDArray[np.bool_], scores: Scores, usual: float) -> Threshold:
    """The threshold with the best F1 of `scores` (documents,); ties to the one nearest `usual`.

    Thresholds lie halfway between neighbouring scores, and `usual` is one of them. Without a
    positive it is `usual`.
    """
    if not targets.any():
        return Threshold(usual, 0.0)
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order].astype(np.float64)
    hits = np.cumsum(targets[order])
    accepted = np.arange(1, len(ranked) + 1)
    f1 = 2.0 * hits / (accepted + targets.sum())
    lower = np.append(ranked[1:], -np.inf)
    ends = ranked > lower
    best = f1[ends].max()
    places = np.flatnonzero(ends & (f1 == best))
    if any(lower[place] < usual <= ranked[place] for place in places):
        return Threshold(usual, float(best))
    # Below the lowest score there is none to lie halfway to.
    below = np.where(np.isfinite(lower[places]), lower[places], 2 * ranked[places] - usual)
    # Scores are kept as float32; halfway between two neighbours of these is one of the two.
    values = ((ranked[places] + below) / 2).astype(np.float32).astype(np.float64)
    values = np.where((below < values) & (values <= ranked[places]), values, ranked[places])
    return Threshold(float(values[np.abs(values - usual).argmin()]), float(best))


LEAST_F1 = 0.1
"""Below this F1 a threshold found by cross-validation is not trusted."""


def cautious_threshold(targets: npt.NDArray[np.bool_], scores: Scores, usual: float) -> Threshold:
    """The best threshold, or the highest score where even that has an F1 below `LEAST_F1`.

    SCutFBR.1 (Yang 2001, "A study on thresholding strategies for text categorization"), which Lewis
    et al. 2004 use: of rare categories a low threshold would accept far too many documents.
    """
    found = best_threshold(targets, scores, usual)
    if found.f1 >= LEAST_F1 or not len(scores):
        return found
    highest = float(scores.max())
    decided = scores >= highest
    hits = int(np.count_nonzero(decided & targets))
    return Threshold(highest, 2.0 * hits / (np.count_nonzero(decided) + np.count_nonzero(targets)))
