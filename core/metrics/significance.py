"""Paired approximate randomisation test of two systems over documents.

Noreen 1989, "Computer-Intensive Methods for Testing Hypotheses"; Yeh 2000 applies it to F1. Under
the null hypothesis the two systems' decisions on a document are exchangeable. The test swaps them
at random, document by document, and compares the observed difference with the differences of the
shuffles.

Documents whose swap changes the sums equally form one group. The number of swaps in a group is
binomially distributed and drawn at once. Most documents differ in one or two categories, so there
are far fewer groups than documents.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.metrics.precision_recall import Matrix

SHUFFLES = 10_000
_SHUFFLES_PER_BLOCK = 500
_MAX_BLOCK = 20_000_000

Sums = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Significance:
    """Differences in F1 (second minus first) and their two-sided p-values.

    `documents` is the number of documents on which the systems differ.
    """

    micro: float
    macro: float
    p_micro: float
    p_macro: float
    documents: int
    shuffles: int


def paired_randomisation(
    truth: Matrix, first: Matrix, second: Matrix, *, shuffles: int = SHUFFLES, seed: int = 0
) -> Significance:
    """Test the differences of two systems in micro- and macro-F1.

    Macro-F1 is the mean over all categories; F1 is 0 where it is 0 / 0. A p-value is
    (1 + shuffles with at least the observed difference) / (1 + shuffles).

    Args:
        truth: Labels (documents, categories).
        first: Decisions of the first system (documents, categories).
        second: Decisions of the second system (documents, categories).
        shuffles: Number of random shuffles.
        seed: Seed of the shuffles.
    """
    support = truth.sum(axis=0).astype(np.float64)
    changed = (first != second).any(axis=1)
    sums = [
        np.concatenate(((truth & x).sum(axis=0), x.sum(axis=0))).astype(np.float64)
        for x in (first, second)
    ]
    observed = _difference(sums[0][None], sums[1][None], support)[0]
    changes, group_sizes = _groups(truth[changed], first[changed], second[changed])
    rng = np.random.default_rng(seed)
    at_least = np.zeros(2)
    for start in range(0, shuffles, _SHUFFLES_PER_BLOCK):
        count = min(_SHUFFLES_PER_BLOCK, shuffles - start)
        shifts = _shifts(changes, group_sizes, count, rng)
        differences = _difference(sums[0] + shifts, sums[1] - shifts, support)
        # The tolerance counts ties as at least as extreme, despite rounding.
        at_least += (np.abs(differences) >= np.abs(observed) - 1e-12).sum(axis=0)
    p_micro, p_macro = (1.0 + at_least) / (1.0 + shuffles)
    return Significance(
        float(observed[0]),
        float(observed[1]),
        float(p_micro),
        float(p_macro),
        int(changed.sum()),
        shuffles,
    )


def _groups(
    truth: Matrix, first: Matrix, second: Matrix
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Distinct changes of the sums by a swap (groups, 2 · categories) and group sizes (groups,)."""
    changes = np.concatenate(
        (_change(truth & first, truth & second), _change(first, second)), axis=1
    )
    rows = np.ascontiguousarray(changes).view(np.dtype((np.void, changes.shape[1]))).ravel()
    _, indices, counts = np.unique(rows, return_index=True, return_counts=True)
    return changes[indices].astype(np.float32), counts.astype(np.int64)


def _change(first: Matrix, second: Matrix) -> npt.NDArray[np.int8]:
    return second.astype(np.int8) - first.astype(np.int8)


def _shifts(
    changes: npt.NDArray[np.float32],
    group_sizes: npt.NDArray[np.int64],
    count: int,
    rng: np.random.Generator,
) -> Sums:
    """Changes of the first system's sums by `count` random shuffles (count, 2 · categories)."""
    total = np.zeros((count, changes.shape[1]))
    block_size = max(_MAX_BLOCK // count, 1)
    for start in range(0, len(changes), block_size):
        block = slice(start, start + block_size)
        swaps = rng.binomial(group_sizes[block], 0.5, size=(count, len(group_sizes[block])))
        total += swaps.astype(np.float32) @ changes[block]
    return total


def _difference(first: Sums, second: Sums, support: Sums) -> Sums:
    """Differences in micro- and macro-F1, second minus first (rows, 2)."""
    return _f1(second, support) - _f1(first, support)


def _f1(sums: Sums, support: Sums) -> Sums:
    """Micro- and macro-F1 (rows, 2) of true positives and acceptances (rows, 2 · categories)."""
    hits, accepted = np.split(sums, 2, axis=1)
    return np.stack(
        (
            _ratio(2 * hits.sum(axis=1), accepted.sum(axis=1) + support.sum()),
            _ratio(2 * hits, accepted + support).mean(axis=1),
        ),
        axis=1,
    )


def _ratio(numerator: Sums, denominator: Sums) -> Sums:
    result: Sums = np.divide(
        numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0
    )
    return result
