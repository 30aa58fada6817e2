"""The reporter of a task: collects news and brings them to the desk, a few times a second."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from core.engine.cluster.mailbox import FASTEST, Answer, News, Order
from core.engine.cluster.messages import EpochFinished, ProgressMade
from core.engine.trials.reporter import INTERVAL
from core.training.epochs import BatchProgress, EpochResult

_log = logging.getLogger("htrans.worker")

Visit = Callable[[tuple[News, ...]], Answer]
"""Brings news to the desk. May raise anything while the desk cannot be reached."""


class ClusterReporter:
    """A `core.training.epochs.Reporter` for a task that runs anywhere.

    As a context manager it visits the desk in a thread of its own, so that the desk hears of the
    task also while a batch or the scoring of documents takes long.
    """

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._lock = threading.Lock()
        self._news: dict[int, Any] = {}
        self._last = 0
        self._order: Order = "go on"
        self._ended = threading.Event()
        self._hurry = threading.Event()
        self._thread = threading.Thread(target=self._go, name="reporter", daemon=True)
        self._next_progress = time.monotonic() + INTERVAL
        self._counted_until = time.monotonic()

    def __enter__(self) -> ClusterReporter:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._hurry.set()
        self._thread.join(timeout=5.0)

    @property
    def order(self) -> Order:
        """The newest order."""
        return self._order

    def tell(self, news: Any) -> None:
        """Have something brought to the desk."""
        with self._lock:
            self._last += 1
            self._news[self._last] = news

    def untold(self) -> tuple[News, ...]:
        """News that are not known to be recorded, in order."""
        with self._lock:
            return tuple(sorted(self._news.items()))

    def begins(self) -> None:
        """Count seconds of work from now on."""
        self._counted_until = time.monotonic()

    def is_due(self) -> bool:
        """A few times a second."""
        return time.monotonic() >= self._next_progress

    def progressed(self, progress: BatchProgress) -> None:
        """Tell the mean loss since the last time."""
        self.tell(ProgressMade(progress, self._worked()))
        self._next_progress = time.monotonic() + INTERVAL

    def epoch_done(self, result: EpochResult, is_kept: bool) -> None:
        """Tell of the epoch."""
        self.tell(EpochFinished(result, is_kept, self._worked()))

    def should_stop(self) -> bool:
        """Whether the desk has another order than to go on."""
        return self._order != "go on"

    def _go(self) -> None:
        interval = FASTEST
        while not self._ended.is_set():
            started = time.monotonic()
            try:
                answer = self._visit(self.untold())
            except Exception as error:  # whatever Ray raises while the desk is started again
                _log.warning("the desk cannot be reached: %s", error)
                interval = 1.0
            else:
                self._poll_reports(answer)
                interval = answer.interval
            self._hurry.wait(max(0.0, interval - (time.monotonic() - started)))

    def _poll_reports(self, answer: Answer) -> None:
        self._order = answer.order
        with self._lock:
            for number in [n for n in self._news if n <= answer.recorded]:
                del self._news[number]

    def _worked(self) -> float:
        """Seconds since this was last asked: work that goes to the trial."""
        now = time.monotonic()
        worked, self._counted_until = now - self._counted_until, now
        return worked
