"""Processes, known by pid and start time: a pid alone may belong to another by now."""

from __future__ import annotations

import os

import psutil

_CLOCK_TOLERANCE = 2.0
"""Seconds that two readings of one process's start time may differ by."""


def own_identity() -> tuple[int, float]:
    """Pid and start time of this process."""
    pid = os.getpid()
    return pid, float(psutil.Process(pid).create_time())


def is_alive(pid: int | None, started: float | None) -> bool:
    """Whether the process with this pid and start time still runs."""
    if pid is None or started is None:
        return False
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started) < _CLOCK_TOLERANCE
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
