"""The running loss of a trial in few points, kept between readings: only new rows are read."""

from __future__ import annotations

import math
from collections.abc import Sequence

from core.engine.artifacts.workspace_store import Store
from core.engine.monitoring.losses import running_losses

MAX_POINTS = 500
"""More points than this are drawn as the least and the greatest of each stretch."""
Point = tuple[float, float]


class Downsampled:
    """A growing curve in at most `MAX_POINTS` points that keeps its minima and maxima.

    Points come in order. When there are too many, the stretches that a point stands for double,
    and of each the lowest and the highest point stay.
    """

    def __init__(self, most: int = MAX_POINTS) -> None:
        self._most = most
        self._stretch = 1
        self._kept: list[Point] = []
        self._open: list[Point] = []

    def add(self, point: Point) -> None:
        """Add the next point."""
        self._open.append(point)
        if len(self._open) == self._stretch:
            self._kept += _extremes(self._open)
            self._open = []
            if len(self._kept) >= self._most:
                self._halve()

    def _halve(self) -> None:
        points = 2 if self._stretch > 1 else 1
        self._stretch *= 4 // points
        kept = self._kept
        self._kept = []
        for start in range(0, len(kept), 4):
            self._kept += _extremes(kept[start : start + 4])

    @property
    def points(self) -> tuple[Point, ...]:
        """The curve, in order; the newest point is always the last."""
        return (*self._kept, *_extremes(self._open), *self._open[-1:])


def thinned(points: Sequence[Point], most: int) -> list[Point]:
    """At most about `most` of the points, the lowest and the highest of each stretch."""
    if len(points) <= most:
        return list(points)
    stretch = math.ceil(2 * len(points) / most)
    thin: list[Point] = []
    for start in range(0, len(points), stretch):
        thin += _extremes(points[start : start + stretch])
    return thin


def _extremes(points: Sequence[Point]) -> list[Point]:
    """The lowest and the highest point in their order; both or one, or none of none."""
    if len(points) <= 1:
        return list(points)
    low = min(range(len(points)), key=lambda place: points[place][1])
    high = max(range(len(points)), key=lambda place: points[place][1])
    return [points[place] for place in sorted({low, high})]


class RunningLoss:
    """The losses that a trial has reported while it trained, as (epochs so far, loss)."""

    def __init__(self, trial_id: int) -> None:
        self._trial_id = trial_id
        self._last = 0
        self._curve = Downsampled()
        self._points: tuple[Point, ...] = ()

    def read(self, store: Store) -> tuple[Point, ...]:
        """Read the rows that are new; the same object as before if there are none."""
        found = False
        for row, point in running_losses(store, self._trial_id, self._last):
            self._last = row
            self._curve.add(point)
            found = True
        if found:
            self._points = self._curve.points
        return self._points
