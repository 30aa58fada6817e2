"""Precision, recall and F1: micro, macro, per level and hierarchical."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.corpus.taxonomy import Taxonomy

Matrix = npt.NDArray[np.bool_]
"""Labels or decisions (documents, categories)."""


@dataclass(frozen=True, slots=True)
class PrecisionRecallF1:
    """Precision, recall and F1. Each is 0 if its denominator is 0."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class Counts:
    """True positives, false positives and false negatives, of one category or summed."""

    tp: int
    fp: int
    fn: int

    @property
    def rates(self) -> PrecisionRecallF1:
        """Precision, recall and F1 of these decisions."""
        return PrecisionRecallF1(
            _ratio(self.tp, self.tp + self.fp),
            _ratio(self.tp, self.tp + self.fn),
            _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn),
        )

    @property
    def support(self) -> int:
        """Number of positives: documents in the category."""
        return self.tp + self.fn


@dataclass(frozen=True, slots=True)
class LevelAverages:
    """Micro- and macro-averages over the categories of one level."""

    micro: PrecisionRecallF1
    macro: PrecisionRecallF1


@dataclass(frozen=True, slots=True)
class Summary:
    """Averages over categories.

    `macro` averages over all categories, `macro_present` over the categories with at least one
    positive.
    """

    micro: PrecisionRecallF1
    macro: PrecisionRecallF1
    macro_present: PrecisionRecallF1
    levels: dict[int, LevelAverages]


def count(truth: npt.NDArray[np.bool_], predicted: npt.NDArray[np.bool_]) -> Counts:
    """Confusion counts of one category from labels and decisions (documents,)."""
    tp = int(np.count_nonzero(truth & predicted))
    return Counts(tp, int(np.count_nonzero(predicted)) - tp, int(np.count_nonzero(truth)) - tp)


def decided(truth: npt.NDArray[np.bool_], predicted: npt.NDArray[np.bool_]) -> PrecisionRecallF1:
    """Precision, recall and F1 of decisions (documents,), micro-averaged over several columns."""
    return count(truth, predicted).rates


def support_weighted(truth: Matrix, predicted: Matrix) -> PrecisionRecallF1:
    """Average precision, recall and F1 over categories, weighted by support."""
    from sklearn.metrics import precision_recall_fscore_support

    precision, recall, f1, _ = precision_recall_fscore_support(
        truth, predicted, average="weighted", zero_division=0
    )
    return PrecisionRecallF1(float(precision), float(recall), float(f1))


def micro(counts: Sequence[Counts]) -> PrecisionRecallF1:
    """Micro-average: precision, recall and F1 of the summed counts."""
    return Counts(
        sum(c.tp for c in counts), sum(c.fp for c in counts), sum(c.fn for c in counts)
    ).rates


def macro(counts: Sequence[Counts]) -> PrecisionRecallF1:
    """Macro-average: unweighted means over categories; zeros without categories."""
    rates = [c.rates for c in counts]
    if not rates:
        return PrecisionRecallF1(0.0, 0.0, 0.0)
    return PrecisionRecallF1(
        sum(r.precision for r in rates) / len(rates),
        sum(r.recall for r in rates) / len(rates),
        sum(r.f1 for r in rates) / len(rates),
    )


def summarise(counts: Sequence[Counts], category_ids: Sequence[str], taxonomy: Taxonomy) -> Summary:
    """Average over categories, in total and per level of the taxonomy.

    Args:
        counts: Confusion counts of each category.
        category_ids: The categories, in the order of `counts`.
        taxonomy: The taxonomy that contains `category_ids`.
    """
    by_level: dict[int, list[Counts]] = {}
    for category_id, category_counts in zip(category_ids, counts, strict=True):
        by_level.setdefault(taxonomy[category_id].level, []).append(category_counts)
    return Summary(
        micro=micro(counts),
        macro=macro(counts),
        macro_present=macro([c for c in counts if c.support]),
        levels={
            level: LevelAverages(micro(level_counts), macro(level_counts))
            for level, level_counts in sorted(by_level.items())
        },
    )


def hierarchical(
    truth: Matrix, predicted: Matrix, category_ids: Sequence[str], taxonomy: Taxonomy
) -> PrecisionRecallF1:
    """Hierarchical precision, recall and F1 (Kiritchenko et al. 2005).

    Micro-averages after labels and decisions are propagated to their ancestors.

    Args:
        truth: Labels (documents, categories).
        predicted: Decisions (documents, categories).
        category_ids: Categories of the columns. Ancestors without a column are ignored.
        taxonomy: The taxonomy that contains `category_ids`.
    """
    propagated_truth = with_ancestors(truth, category_ids, taxonomy)
    propagated_predicted = with_ancestors(predicted, category_ids, taxonomy)
    return count(propagated_truth.ravel(), propagated_predicted.ravel()).rates


def with_ancestors(matrix: Matrix, category_ids: Sequence[str], taxonomy: Taxonomy) -> Matrix:
    """Propagate labels to ancestors: a copy of `matrix` (documents, categories)."""
    propagated = matrix.copy()
    columns = {category_id: i for i, category_id in enumerate(category_ids)}
    for category_id in category_ids:
        for ancestor in taxonomy.ancestors(category_id):
            if ancestor in columns:
                propagated[:, columns[ancestor]] |= matrix[:, columns[category_id]]
    return propagated


def _ratio(numerator: int, denominator: int) -> float:
    return numerator / denominator if denominator else 0.0
