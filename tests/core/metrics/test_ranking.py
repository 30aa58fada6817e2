"""The order of predictions against counting them one by one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.metrics.decisions import CategoryRule, Scores
from core.metrics.precision_recall import count
from core.metrics.ranking import Kind, RankedPredictions

Targets = npt.NDArray[np.bool_]

levels = st.sampled_from([0.0, 1e-9, 0.25, 0.5, float(np.nextafter(np.float32(0.5), 1)), 0.75, 1.0])
scores = levels | st.floats(0.0, 1.0, width=32)
thresholds = levels | st.floats(0.0, 1.0) | st.sampled_from([-1.0, 1.5])


@st.composite
def judged(draw: st.DrawFn, least: int = 0) -> tuple[Targets, Scores]:
    pairs = draw(st.lists(st.tuples(st.booleans(), scores), min_size=least, max_size=25))
    return (
        np.array([target for target, _ in pairs], dtype=np.bool_),
        np.array([score for _, score in pairs], dtype=np.float32),
    )


@given(judged(), thresholds)
def test_counts_are_those_of_deciding_each_document(
    documents: tuple[Targets, Scores], least: float
) -> None:
    targets, given_scores = documents
    ranked = RankedPredictions(targets, given_scores)
    accepted = CategoryRule(least).accepts(given_scores)
    assert ranked.counts(least) == count(targets, accepted)
    assert ranked.accepted(least) == accepted.sum()
    assert ranked.positives == targets.sum()
    assert len(ranked) == len(targets)


@given(judged(), thresholds, st.sampled_from(["fp", "fn", "tp"]))
def test_documents_of_a_kind_come_with_the_most_confident_first(
    documents: tuple[Targets, Scores], least: float, kind: Kind
) -> None:
    targets, given_scores = documents
    accepted = CategoryRule(least).accepts(given_scores)
    wanted = {"fp": accepted & ~targets, "fn": ~accepted & targets, "tp": accepted & targets}
    found = RankedPredictions(targets, given_scores).documents(kind, least)
    assert sorted(found.tolist()) == np.flatnonzero(wanted[kind]).tolist()
    # The decision on a false negative is a no, of which a low score is the surest.
    confidence = -given_scores[found] if kind == "fn" else given_scores[found]
    assert (np.diff(confidence) <= 0).all()


@given(judged(), thresholds, st.booleans())
def test_next_threshold_is_the_nearest_that_decides_otherwise(
    documents: tuple[Targets, Scores], least: float, up: bool
) -> None:
    targets, given_scores = documents
    ranked = RankedPredictions(targets, given_scores)
    now = ranked.accepted(least)
    possible = {0, *(int((given_scores >= score).sum()) for score in given_scores)}
    further = [n for n in possible if (n < now if up else n > now)]
    found = ranked.next_score(least, up=up)
    if not further:
        assert found == least
    else:
        assert ranked.accepted(found) == (max(further) if up else min(further))
        assert bool(found > least) is up


@given(judged())
def test_best_threshold_is_beaten_by_none(documents: tuple[Targets, Scores]) -> None:
    targets, given_scores = documents
    ranked = RankedPredictions(targets, given_scores)
    reached = ranked.counts(ranked.best).rates.f1
    for other in {0.5, *given_scores.tolist()}:
        assert reached >= ranked.counts(other).rates.f1 - 1e-12
    if not targets.any():
        assert ranked.best == 0.5


@given(judged(), st.integers(2, 12))
def test_points_of_the_curve_are_what_their_thresholds_come_to(
    documents: tuple[Targets, Scores], points: int
) -> None:
    targets, given_scores = documents
    ranked = RankedPredictions(targets, given_scores)
    curve = ranked.curve(points)
    assert len(curve.thresholds) == len(curve.precision) == len(curve.recall) <= points
    for least, precision, recall in zip(
        curve.thresholds, curve.precision, curve.recall, strict=True
    ):
        rates = ranked.counts(float(least)).rates
        assert (precision, recall) == pytest.approx((rates.precision, rates.recall))
    assert (np.diff(curve.thresholds) < 0).all()
    assert (np.diff(curve.recall) >= 0).all()
    if targets.any():
        assert curve.recall[-1] == 1.0
    else:
        assert not len(curve.thresholds)


def test_equal_scores_keep_the_order_of_the_documents() -> None:
    targets = np.zeros(5, dtype=np.bool_)
    ranked = RankedPredictions(targets, np.full(5, 0.7, dtype=np.float32))
    assert ranked.documents("fp", 0.5).tolist() == [0, 1, 2, 3, 4]


def test_a_threshold_moved_up_and_down_again_decides_as_before() -> None:
    values = np.array([0.1, 0.4, 0.4, 0.8, 1.0], dtype=np.float32)
    ranked = RankedPredictions(np.ones(5, dtype=np.bool_), values)
    least, seen = 0.0, [5]
    while seen[-1]:
        least = ranked.next_score(least, up=True)
        seen.append(ranked.accepted(least))
    assert seen == [5, 4, 2, 1, 0]
    assert ranked.accepted(ranked.next_score(least, up=False)) == 1
