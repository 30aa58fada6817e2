"""The desk: where tasks leave their news and find orders, and the supervisor the other way round.

It is an actor on the supervisor's machine and keeps nothing that could not be said again: news have
numbers, a task sends them until the supervisor has recorded them, and orders come with each visit
of the supervisor. So a desk that is killed and started again loses nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Order = Literal["go on", "stop", "leave"]
"""What a task is to do: `stop` writes a checkpoint first, `leave` does not: nobody wants it."""

BEATS = 1000.0
"""Visits of tasks in a second that the desk is to have at most."""
FASTEST = 0.25
"""Seconds between two visits of a task where there are few."""

News = tuple[int, Any]
"""A number, ascending from 1 for each task, and what there is to tell."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a task hears on a visit: its order, up to which number its news are recorded, and after
    how many seconds to come again.
    """

    order: Order
    recorded: int
    interval: float


@dataclass(frozen=True, slots=True)
class Visit:
    """What the supervisor hears of a task: its news, and how many seconds it has been silent."""

    news: tuple[News, ...]
    silent: float


class TaskMailbox:
    """Keeps news and orders; its methods are called one after the other."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._news: dict[str, dict[int, Any]] = {}
        self._seen: dict[str, float] = {}
        self._orders: dict[str, tuple[Order, int]] = {}

    def tell(self, task: str, news: tuple[News, ...]) -> Answer:
        """A visit of a task with all its news that are not known to be recorded."""
        order, recorded = self._orders.get(task, ("go on", 0))
        self._seen[task] = self._clock()
        self._news.setdefault(task, {}).update(
            (number, one) for number, one in news if number > recorded
        )
        return Answer(order, recorded, max(FASTEST, len(self._seen) / BEATS))

    def collect(self, orders: Mapping[str, tuple[Order, int]]) -> dict[str, Visit]:
        """A visit of the supervisor; `orders` has every task that it has submitted.

        With the order goes the number up to which it has recorded the task's news. Each piece of
        news is given once, unless the task tells it again.
        """
        self._orders = dict(orders)
        now = self._clock()
        found = {
            task: Visit(tuple(sorted(self._news.pop(task, {}).items())), now - seen)
            for task, seen in self._seen.items()
        }
        self._seen = {task: seen for task, seen in self._seen.items() if task in orders}
        return found
