"""Precision, recall and F1 in all the forms that the paper and its field report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.corpus.taxonomy import Taxonomy

Matrix = npt.NDArray[np.bool_]
"""Documents × categories, True where a document is in a category."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Precision, recall and F1; 0 where a rate is 0 / 0."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Counts:
    """Decisions of one category, or of several added up."""

    tp: int
    fp: int
    fn: int

    @property
    def rates(self) -> Rates:
        """Precision, recall and F1 of these decisions."""
        return Rates(
            _ratio(self.tp, self.tp + self.fp),
            _ratio(self.tp, self.tp + self.fn),
            _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn),
        )

    @property
    def support(self) -> int:
        """Documents that are in the category."""
        return self.tp + self.fn


@dataclass(frozen=True, slots=True)
class LevelRates:
    """Micro- and macro-averages over the categories of one level."""

    micro: Rates
    macro: Rates


@dataclass(frozen=True, slots=True)
class Summary:
    """Averages over categories.

    `macro` averages over all categories, `macro_present` over those with a document in the truth.
    """

    micro: Rates
    macro: Rates
    macro_present: Rates
    levels: dict[int, LevelRates]


def count(truth: npt.NDArray[np.bool_], predicted: npt.NDArray[np.bool_]) -> Counts:
    """Counts of one category from two vectors of decisions (documents,)."""
    tp = int(np.count_nonzero(truth & predicted))
    return Counts(tp, int(np.count_nonzero(predicted)) - tp, int(np.count_nonzero(truth)) - tp)


def decided(truth: npt.NDArray[np.bool_], predicted: npt.NDArray[np.bool_]) -> Rates:
    """Rates of one category's decisions (documents,), micro-averaged of several at once."""
    return count(truth, predicted).rates


def support_weighted(truth: Matrix, predicted: Matrix) -> Rates:
    """Means of the categories' rates, each weighted by its number of positives."""
    from sklearn.metrics import precision_recall_fscore_support

    precision, recall, f1, _ = precision_recall_fscore_support(
        truth, predicted, average="weighted", zero_division=0
    )
    return Rates(float(precision), float(recall), float(f1))


def micro(counts: Sequence[Counts]) -> Rates:
    """Rates of the decisions of all categories together."""
    return Counts(
        sum(c.tp for c in counts), sum(c.fp for c in counts), sum(c.fn for c in counts)
    ).rates


def macro(counts: Sequence[Counts]) -> Rates:
    """Means of the categories' precision, recall and F1; zeros without categories."""
    rates = [c.rates for c in counts]
    if not rates:
        return Rates(0.0, 0.0, 0.0)
    return Rates(
        sum(r.precision for r in rates) / len(rates),
        sum(r.recall for r in rates) / len(rates),
        sum(r.f1 for r in rates) / len(rates),
    )


def summarise(counts: Sequence[Counts], category_ids: Sequence[str], taxonomy: Taxonomy) -> Summary:
    """Averages of the counts of `category_ids`, in all and for each level of the taxonomy."""
    by_level: dict[int, list[Counts]] = {}
    for category_id, category_counts in zip(category_ids, counts, strict=True):
        by_level.setdefault(taxonomy[category_id].level, []).append(category_counts)
    return Summary(
        micro=micro(counts),
        macro=macro(counts),
        macro_present=macro([c for c in counts if c.support]),
        levels={
            level: LevelRates(micro(of_level), macro(of_level))
            for level, of_level in sorted(by_level.items())
        },
    )


def hierarchical(
    truth: Matrix, predicted: Matrix, category_ids: Sequence[str], taxonomy: Taxonomy
) -> Rates:
    """Micro-averaged rates over ancestor-closed sets (Kiritchenko et al. 2005).

    Columns of both matrices are `category_ids`; ancestors that have no column take no part.
    """
    closed_truth = close_upward(truth, category_ids, taxonomy)
    closed_predicted = close_upward(predicted, category_ids, taxonomy)
    return count(closed_truth.ravel(), closed_predicted.ravel()).rates


def close_upward(matrix: Matrix, category_ids: Sequence[str], taxonomy: Taxonomy) -> Matrix:
    """A copy of `matrix` in which each document is in all ancestors of its categories."""
    closed = matrix.copy()
    column = {category_id: i for i, category_id in enumerate(category_ids)}
    for category_id in category_ids:
        for ancestor in taxonomy.ancestors(category_id):
            if ancestor in column:
                closed[:, column[ancestor]] |= matrix[:, column[category_id]]
    return closed


def _ratio(numerator: int, denominator: int) -> float:
    return numerator / denominator if denominator else 0.0
