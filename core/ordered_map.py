"""Ordered parallel map with a bounded window of submitted items."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import TypeVar

from core.errors import HTransError

Item = TypeVar("Item")
Result = TypeVar("Result")


def ordered_map(
    submit: Callable[[Item], Future[Result]], items: Iterable[Item | None], ahead: int
) -> Iterator[Result]:
    """Submit items and yield their results in input order.

    An `HTransError` of `items` is raised after the results of all earlier items.

    Args:
        submit: Starts the work on an item.
        items: Items to submit. `None` submits nothing; it lets finished results be yielded.
        ahead: Maximum number of submitted items whose results are not yielded yet.
    """
    pending: deque[Future[Result]] = deque()
    unreadable: HTransError | None = None
    remaining = iter(items)
    while True:
        try:
            item = next(remaining)
        except StopIteration:
            break
        except HTransError as error:
            unreadable = error
            break
        if item is not None:
            pending.append(submit(item))
        while pending and (pending[0].done() or len(pending) > ahead):
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()
    if unreadable is not None:
        raise unreadable
