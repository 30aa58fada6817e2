"""The reporter of a task: sends its messages to the mailbox a few times a second."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from core.engine.cluster.messages import BatchesDone, EpochDone
from core.engine.trials.reporter import INTERVAL as PROGRESS_INTERVAL
from core.training.epochs import BatchProgress, EpochResult

_log = logging.getLogger("htrans.worker")

Report = Callable[[list[Any]], tuple[bool, float]]
"""Calls `TaskMailbox.report` for one task. Raises whatever Ray raises."""


class TaskReporter:
    """A `core.training.epochs.Reporter` for a task on a cluster.

    Within a `with` block, a thread sends the messages, so that the engine also hears from a task
    during a long batch. All messages are sent when the block ends. A task that cannot report stops.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._messages: list[Any] = []
        self._stopping = False
        self._error: Exception | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)
        self._next_progress = time.monotonic() + PROGRESS_INTERVAL
        self._counted_until = time.monotonic()

    def __enter__(self) -> TaskReporter:
        self._thread.start()
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        if self._error is None:
            self._send()
        if error is None and self._error is not None:
            raise self._error

    def send(self, message: Any) -> None:
        """Add a message to the next report."""
        with self._lock:
            self._messages.append(message)

    def start_clock(self) -> None:
        """Count seconds of work from now on."""
        self._counted_until = time.monotonic()

    def is_due(self) -> bool:
        """Return True a few times a second."""
        return time.monotonic() >= self._next_progress

    def progressed(self, progress: BatchProgress) -> None:
        """Send the mean loss since the last call."""
        self.send(BatchesDone(progress, self._worked()))
        self._next_progress = time.monotonic() + PROGRESS_INTERVAL

    def epoch_done(self, result: EpochResult, is_kept: bool) -> None:
        """Send the metrics of an epoch."""
        self.send(EpochDone(result, is_kept, self._worked()))

    def should_stop(self) -> bool:
        """Return True if the engine wants the task to stop."""
        return self._stopping

    def _run(self) -> None:
        # The first report is sent at once: a task that never reported was not started.
        interval = 0.0
        while not self._ended.wait(interval):
            interval = self._send()

    def _send(self) -> float:
        """Send what there is; return the seconds until the next report."""
        with self._lock:
            messages, self._messages = self._messages, []
        try:
            stopping, interval = self._report(messages)
        except Exception as error:
            _log.warning("the mailbox cannot be reached: %s", error)
            self._error, self._stopping = error, True
            self._ended.set()
            return 0.0
        self._stopping = self._stopping or stopping
        return interval

    def _worked(self) -> float:
        """Seconds since the last call."""
        now = time.monotonic()
        worked, self._counted_until = now - self._counted_until, now
        return worked
