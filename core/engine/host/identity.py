"""Process identity: pid and start time, because the system reuses pids."""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import psutil

_TOLERANCE = 0.05
"""Maximum difference of two readings of a process's start time, in seconds."""


def own_identity() -> tuple[int, float]:
    """Pid and start time of this process."""
    pid = os.getpid()
    started = start_time(pid)
    assert started is not None
    return pid, started


def start_time(pid: int) -> float | None:
    """Start time of a process, or None if it does not exist.

    On Linux in seconds since boot, which is independent of clock changes (proc(5), field 22 of
    /proc/PID/stat); elsewhere in seconds since 1970.
    """
    stat = Path(f"/proc/{pid}/stat")
    try:
        if stat.exists():
            fields = stat.read_text().rpartition(")")[2].split()
            return int(fields[19]) / os.sysconf("SC_CLK_TCK")
        return float(psutil.Process(pid).create_time())
    except (OSError, psutil.NoSuchProcess):
        return None


def is_alive(pid: int | None, started: float | None) -> bool:
    """Whether the process with this pid and start time is running."""
    if pid is None or started is None:
        return False
    now = start_time(pid)
    if now is None or abs(now - started) > _TOLERANCE:
        return False
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def kill_stopped_workers(root: Path) -> set[int]:
    """Kill the worker processes of the workspace `root` that a signal or a debugger has stopped.

    Returns:
        Their pids.
    """
    modules = {f"core.engine.processes.{name}" for name in ("worker", "cluster_workers")}
    killed = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.status() not in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP):
                continue
            command = process.cmdline()
            if any(
                module in modules and Path(argument).resolve() == root.resolve()
                for module, argument in pairwise(command)
            ):
                process.kill()
                killed.add(process.pid)
    return killed
