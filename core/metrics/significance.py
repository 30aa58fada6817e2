"""Whether two systems differ: the paired approximate randomisation test over documents.

Noreen 1989, "Computer-Intensive Methods for Testing Hypotheses"; Yeh 2000 applies it to F1. If
the systems were alike, it would not matter which of the two the decisions on a document came from;
so they are exchanged at random, document by document, and the observed difference is compared with
the differences that arise.

Documents whose exchange changes the sums alike are drawn together: how many of them are exchanged
is binomially distributed. Most documents differ in one or two categories, so there are far fewer
kinds of them than documents.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.metrics.precision_recall import Matrix

SHUFFLES = 10_000
_AT_ONCE = 500
_LARGEST_BLOCK = 20_000_000

Sums = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Significance:
    """Differences in F1, second minus first, and how often chance alone gives as much.

    `p_micro` and `p_macro` are two-sided; `documents` is the number on which the systems differ.
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
    """Test the micro- and macro-F1 of two systems' decisions, (documents, categories) each.

    Macro-F1 is the mean over all categories, 0 where F1 is 0 / 0. A p-value is
    (1 + shuffles with at least the observed difference) / (1 + shuffles).
    """
    support = truth.sum(axis=0).astype(np.float64)
    changed = (first != second).any(axis=1)
    sums = [
        np.concatenate(((truth & x).sum(axis=0), x.sum(axis=0))).astype(np.float64)
        for x in (first, second)
    ]
    observed = _difference(sums[0][None], sums[1][None], support)[0]
    moves, alike = _kinds(truth[changed], first[changed], second[changed])
    rng = np.random.default_rng(seed)
    at_least = np.zeros(2)
    for start in range(0, shuffles, _AT_ONCE):
        count = min(_AT_ONCE, shuffles - start)
        moved = _moved(moves, alike, count, rng)
        differences = _difference(sums[0] + moved, sums[1] - moved, support)
        # A tie is as much as was observed; rounding must not decide it.
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


def _kinds(
    truth: Matrix, first: Matrix, second: Matrix
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Distinct changes of the sums by an exchange (kinds, 2 · categories), how often each comes."""
    changes = np.concatenate(
        (_change(truth & first, truth & second), _change(first, second)), axis=1
    )
    rows = np.ascontiguousarray(changes).view(np.dtype((np.void, changes.shape[1]))).ravel()
    _, places, counts = np.unique(rows, return_index=True, return_counts=True)
    return changes[places].astype(np.float32), counts.astype(np.int64)


def _change(first: Matrix, second: Matrix) -> npt.NDArray[np.int8]:
    return second.astype(np.int8) - first.astype(np.int8)


def _moved(
    moves: npt.NDArray[np.float32],
    alike: npt.NDArray[np.int64],
    count: int,
    rng: np.random.Generator,
) -> Sums:
    """What the exchanged documents add to the first system's sums: (count, 2 · categories)."""
    total = np.zeros((count, moves.shape[1]))
    block = max(_LARGEST_BLOCK // count, 1)
    for start in range(0, len(moves), block):
        some = slice(start, start + block)
        exchanged = rng.binomial(alike[some], 0.5, size=(count, len(alike[some])))
        total += exchanged.astype(np.float32) @ moves[some]
    return total


def _difference(first: Sums, second: Sums, support: Sums) -> Sums:
    """Micro- and macro-F1 of the second minus those of the first, (rows, 2)."""
    return _f1(second, support) - _f1(first, support)


def _f1(sums: Sums, support: Sums) -> Sums:
    """(rows, 2) of true positives and acceptances (rows, 2 · categories)."""
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
