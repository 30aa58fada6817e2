"""Documents of a split, ranked by the score of one category's model.

Every threshold-dependent metric is a look-up in the ranking. Moving a threshold over 800,000
documents is therefore interactive.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from core.metrics.decisions import Scores
from core.metrics.precision_recall import Counts
from core.metrics.thresholds import best_threshold

Kind = Literal["fp", "fn", "tp"]
"""False positives, false negatives, true positives."""
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PrecisionRecall:
    """Points of a precision-recall curve, in descending order of `thresholds`: all (points,)."""

    thresholds: npt.NDArray[np.float64]
    precision: npt.NDArray[np.float64]
    recall: npt.NDArray[np.float64]


class RankedPredictions:
    """Targets and scores (documents,) of one category on one split."""

    def __init__(self, targets: npt.NDArray[np.bool_], scores: Scores) -> None:
        self.targets = targets
        self.scores = scores
        # The sort is stable: equal scores keep the order of the documents.
        self.order: Indices = np.argsort(-scores, kind="stable").astype(np.int64)
        self._ranked = scores[self.order]
        self._is_hit = targets[self.order]
        self._hits = np.cumsum(self._is_hit)

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def positives(self) -> int:
        """Number of documents in the category."""
        return int(self._hits[-1]) if len(self) else 0

    def accepted(self, threshold: float) -> int:
        """Number of documents with a score of at least `threshold`."""
        # `searchsorted` needs ascending values, and the ranked scores descend.
        return int(np.searchsorted(-self._ranked.astype(np.float64), -threshold, side="right"))

    def counts(self, threshold: float) -> Counts:
        """Confusion counts at `threshold`."""
        accepted = self.accepted(threshold)
        tp = int(self._hits[accepted - 1]) if accepted else 0
        return Counts(tp, accepted - tp, self.positives - tp)

    def documents(self, kind: Kind, threshold: float) -> Indices:
        """Indices (in the split) of the documents of a kind, the most confident decision first.

        False and true positives are in descending order of their scores, false negatives in
        ascending order.
        """
        accepted = self.accepted(threshold)
        if kind == "fn":
            missed = np.flatnonzero(self._is_hit[accepted:]) + accepted
            return self.order[missed[::-1]]
        is_kind = self._is_hit[:accepted] if kind == "tp" else ~self._is_hit[:accepted]
        return self.order[np.flatnonzero(is_kind)]

    @cached_property
    def best(self) -> float:
        """Threshold with the best F1 on these documents."""
        return best_threshold(self.targets, self.scores, 0.5).value

    def next_score(self, threshold: float, *, up: bool) -> float:
        """Nearest threshold that accepts fewer (`up`) or more documents than `threshold`."""
        accepted = self.accepted(threshold)
        if up:
            if not accepted:
                return threshold
            lowest = self._ranked[accepted - 1]
            return float(np.nextafter(np.float32(lowest), np.float32(2.0)))
        return float(self._ranked[accepted]) if accepted < len(self) else threshold

    def curve(self, points: int) -> PrecisionRecall:
        """Precision and recall at up to `points` thresholds, evenly spaced along the recall."""
        if not self.positives:
            empty = np.zeros(0)
            return PrecisionRecall(empty, empty, empty)
        # A threshold accepts either all documents of one score or none.
        ends = np.flatnonzero(np.append(self._ranked[1:] < self._ranked[:-1], True))
        hits = self._hits[ends]
        recall = hits / self.positives
        grid = np.linspace(0.0, 1.0, points)
        indices = np.unique(np.minimum(np.searchsorted(recall, grid), len(ends) - 1))
        return PrecisionRecall(
            self._ranked[ends[indices]].astype(np.float64),
            hits[indices] / (ends[indices] + 1),
            recall[indices],
        )
