"""A process that no longer exists."""

from __future__ import annotations

import subprocess
import sys

import psutil


def dead_process() -> tuple[int, float]:
    """Pid and start time of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = float(psutil.Process(process.pid).create_time())
    process.communicate()
    return process.pid, started
