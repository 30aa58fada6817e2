"""The mailbox carries messages of tasks to the engine, and requests to stop to the tasks.

It is a Ray actor on the engine's machine. It is not restarted: if it is killed, the engine starts
another one, and all tasks are run again from their checkpoints.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Set
from dataclasses import dataclass, field
from typing import Any

INTERVAL = 0.25
"""Seconds between two reports of a task. Longer with many tasks."""
_MAX_REPORTS = 1000
"""Reports per second that one mailbox should handle."""


@dataclass(slots=True)
class Delivery:
    """New messages of a task, and the seconds since its last report."""

    messages: list[Any] = field(default_factory=list)
    silence: float = 0.0


class TaskMailbox:
    """Keeps messages and requests. Ray calls its methods one after the other."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._messages: dict[str, list[Any]] = {}
        self._reported: dict[str, float] = {}
        self._stopping: Set[str] = frozenset()

    def report(self, task: str, messages: list[Any]) -> tuple[bool, float]:
        """Receive the messages of a task.

        Returns:
            Whether the task must stop, and the seconds until its next report.
        """
        self._reported[task] = self._clock()
        self._messages.setdefault(task, []).extend(messages)
        return task in self._stopping, max(INTERVAL, len(self._reported) / _MAX_REPORTS)

    def collect(self, tasks: Set[str], stopping: Set[str]) -> dict[str, Delivery]:
        """Hand over the messages since the last call.

        Args:
            tasks: Names of the running tasks. Others are forgotten.
            stopping: Those that must stop.

        Returns:
            A delivery for each task that has reported.
        """
        self._stopping = stopping
        now = self._clock()
        self._reported = {task: at for task, at in self._reported.items() if task in tasks}
        messages, self._messages = self._messages, {}
        return {
            task: Delivery(messages.get(task, []), now - at) for task, at in self._reported.items()
        }
