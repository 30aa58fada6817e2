"""A running loss of any length in few points that keep its minima and maxima."""

from __future__ import annotations

import random

from core.workspace import Workspace
from db.connection import Store
from db.trials import record_progress
from htrans_tui.app.running_loss import MAX_POINTS, DownsampledCurve, Point, RunningLoss, downsample
from tests.support.builders import claim_next, record_corpus, record_run, start_worker


def curve(number: int) -> list[Point]:
    generator = random.Random(number)
    return [(float(x), generator.random()) for x in range(number)]


def test_short_curves_are_kept_as_they_are() -> None:
    points = curve(MAX_POINTS - 1)
    kept = DownsampledCurve()
    for point in points:
        kept.add(point)
    assert list(kept.points) == points


def test_long_curves_have_few_points_in_order_with_the_extremes() -> None:
    for number in (501, 4_321, 100_000):
        points = curve(number)
        kept = DownsampledCurve()
        for point in points:
            kept.add(point)
        assert len(kept.points) <= MAX_POINTS + 3
        assert len(kept.points) >= MAX_POINTS // 4
        xs = [x for x, _ in kept.points]
        assert xs == sorted(xs)
        assert min(kept.points, key=lambda p: p[1]) == min(points, key=lambda p: p[1])
        assert max(kept.points, key=lambda p: p[1]) == max(points, key=lambda p: p[1])
        assert kept.points[-1] == points[-1]
        assert set(kept.points) <= set(points)


def test_thinning_keeps_the_extremes() -> None:
    points = curve(5_000)
    thin = downsample(points, 100)
    assert len(thin) <= 100
    assert min(thin, key=lambda p: p[1]) == min(points, key=lambda p: p[1])
    assert max(thin, key=lambda p: p[1]) == max(points, key=lambda p: p[1])
    assert downsample(points[:100], 100) == points[:100]
    assert downsample([], 10) == []


def test_only_new_rows_are_read(store: Store, workspace: Workspace) -> None:
    record_run(store, record_corpus(store))
    claim = claim_next(store, start_worker(store))

    def progress(batch: int, loss: float) -> None:
        record_progress(
            store,
            claim,
            epoch=2,
            batch=batch,
            batches=4,
            loss=loss,
            documents_per_second=1.0,
            seconds=0.0,
        )

    running = RunningLoss(claim.trial_id)
    assert running.read(store) == ()
    progress(1, 0.5)
    progress(2, 0.25)
    assert running.read(store) == ((1.25, 0.5), (1.5, 0.25))
    same = running.read(store)
    assert running.read(store) is same
    with store.write():
        store.execute("DELETE FROM progress")
    progress(3, 0.125)
    assert running.read(store) == ((1.25, 0.5), (1.5, 0.25), (1.75, 0.125))
