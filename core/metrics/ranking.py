"""The documents of a split in the order in which a category's model believes in them.

Everything that depends on a threshold is a look-up in this order, so that a threshold can be moved
over 800,000 documents without a wait.
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
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PrecisionRecall:
    """Points of a precision-recall curve, by falling `thresholds`: all (points,)."""

    thresholds: npt.NDArray[np.float64]
    precision: npt.NDArray[np.float64]
    recall: npt.NDArray[np.float64]


class RankedPredictions:
    """Targets and scores (documents,) of one category on one split."""

    def __init__(self, targets: npt.NDArray[np.bool_], scores: Scores) -> None:
        self.targets = targets
        self.scores = scores
        # The order of equal scores is that of the documents.
        self.order: Places = np.argsort(-scores, kind="stable").astype(np.int64)
        self._ranked = scores[self.order]
        self._is_hit = targets[self.order]
        self._hits = np.cumsum(self._is_hit)

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def positives(self) -> int:
        """Documents that are in the category."""
        return int(self._hits[-1]) if len(self) else 0

    def accepted(self, least: float) -> int:
        """How many documents have a score of at least `least`."""
        # Ranked scores fall, so that the negative ones rise.
        return int(np.searchsorted(-self._ranked.astype(np.float64), -least, side="right"))

    def counts(self, least: float) -> Counts:
        """What accepting from `least` on comes to."""
        number = self.accepted(least)
        tp = int(self._hits[number - 1]) if number else 0
        return Counts(tp, number - tp, self.positives - tp)

    def documents(self, kind: Kind, least: float) -> Places:
        """The documents of a kind, as places in the split, the most confident decision first.

        For false and true positives that is the highest score, for false negatives the lowest.
        """
        number = self.accepted(least)
        if kind == "fn":
            missed = np.flatnonzero(self._is_hit[number:]) + number
            return self.order[missed[::-1]]
        wanted = self._is_hit[:number] if kind == "tp" else ~self._is_hit[:number]
        return self.order[np.flatnonzero(wanted)]

    @cached_property
    def best(self) -> float:
        """The threshold with the best F1 here."""
        return best_threshold(self.targets, self.scores, 0.5).value

    def next_score(self, least: float, *, up: bool) -> float:
        """The nearest threshold above or below that accepts one document less or more."""
        number = self.accepted(least)
        if up:
            if not number:
                return least
            lowest = self._ranked[number - 1]
            return float(np.nextafter(np.float32(lowest), np.float32(2.0)))
        return float(self._ranked[number]) if number < len(self) else least

    def curve(self, points: int) -> PrecisionRecall:
        """Precision and recall at up to `points` thresholds that lie evenly along the recall."""
        if not self.positives:
            nothing = np.zeros(0)
            return PrecisionRecall(nothing, nothing, nothing)
        # A threshold accepts all documents of one score, or none of them.
        ends = np.flatnonzero(np.append(self._ranked[1:] < self._ranked[:-1], True))
        hits = self._hits[ends]
        recall = hits / self.positives
        wanted = np.linspace(0.0, 1.0, points)
        chosen = np.unique(np.minimum(np.searchsorted(recall, wanted), len(ends) - 1))
        return PrecisionRecall(
            self._ranked[ends[chosen]].astype(np.float64),
            hits[chosen] / (ends[chosen] + 1),
            recall[chosen],
        )
