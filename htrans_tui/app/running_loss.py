"""Downsampled running loss of a trial, read incrementally."""

from __future__ import annotations

import math
from collections.abc import Sequence

from core.engine.artifacts.workspace_store import Store
from core.engine.monitoring.losses import running_losses

MAX_POINTS = 500
"""Maximum number of points of a curve; longer ones keep the extremes of each interval."""
Point = tuple[float, float]


class DownsampledCurve:
    """A growing curve that is downsampled to at most `max_points` points.

    Points are added in order. If there are too many, the interval length doubles, and each
    interval keeps its lowest and its highest point.
    """

    def __init__(self, max_points: int = MAX_POINTS) -> None:
        self._max_points = max_points
        self._interval = 1
        self._complete: list[Point] = []
        self._partial: list[Point] = []

    def add(self, point: Point) -> None:
        """Add the next point."""
        self._partial.append(point)
        if len(self._partial) == self._interval:
            self._complete += _extremes(self._partial)
            self._partial = []
            if len(self._complete) >= self._max_points:
                self._halve()

    def _halve(self) -> None:
        points_per_interval = 2 if self._interval > 1 else 1
        self._interval *= 4 // points_per_interval
        previous = self._complete
        self._complete = []
        for start in range(0, len(previous), 4):
            self._complete += _extremes(previous[start : start + 4])

    @property
    def points(self) -> tuple[Point, ...]:
        """The points in order. The newest point is always the last one."""
        return (*self._complete, *_extremes(self._partial), *self._partial[-1:])


def downsample(points: Sequence[Point], max_points: int) -> list[Point]:
    """Downsample a curve to about `max_points` points: the extremes of equal intervals."""
    if len(points) <= max_points:
        return list(points)
    interval = math.ceil(2 * len(points) / max_points)
    extremes: list[Point] = []
    for start in range(0, len(points), interval):
        extremes += _extremes(points[start : start + interval])
    return extremes


def _extremes(points: Sequence[Point]) -> list[Point]:
    """Return the lowest and the highest point in order, once if they are the same."""
    if len(points) <= 1:
        return list(points)
    low = min(range(len(points)), key=lambda index: points[index][1])
    high = max(range(len(points)), key=lambda index: points[index][1])
    return [points[index] for index in sorted({low, high})]


class RunningLoss:
    """Reader of the losses that a trial reports during training, as (epoch, loss) points."""

    def __init__(self, trial_id: int) -> None:
        self._trial_id = trial_id
        self._last = 0
        self._curve = DownsampledCurve()
        self._points: tuple[Point, ...] = ()

    def read(self, store: Store) -> tuple[Point, ...]:
        """Read the new rows and return all points: the same object if there are no new rows."""
        has_new_rows = False
        for row, point in running_losses(store, self._trial_id, self._last):
            self._last = row
            self._curve.add(point)
            has_new_rows = True
        if has_new_rows:
            self._points = self._curve.points
        return self._points
