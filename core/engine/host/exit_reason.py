"""The reason why a worker ended: signal or exit code, lack of memory, last lines of its log."""

from __future__ import annotations

import re
import signal
from pathlib import Path

ENVIRONMENT = 75
"""Exit code of a worker whose environment failed, not its trial (EX_TEMPFAIL of sysexits)."""

_LOG_TAIL = 4096
_TRACEBACK = re.compile(r"^[A-Za-z_][\w.]*(Error|Exception|Interrupt)\b.*", re.MULTILINE)


def out_of_memory_kills() -> int | None:
    """Number of out-of-memory kills by the Linux kernel so far; None if unknown.

    Sum of `oom_kill` in /proc/vmstat and in memory.events of the control group (cgroup v2).
    """
    counts = []
    for path in (Path("/proc/vmstat"), Path("/sys/fs/cgroup/memory.events")):
        try:
            for line in path.read_text().splitlines():
                name, _, value = line.partition(" ")
                if name == "oom_kill":
                    counts.append(int(value))
        except (OSError, ValueError):
            continue
    return sum(counts) if counts else None


def exit_reason(code: int, log: Path, kills_before: int | None) -> str:
    """Describe the exit of a worker.

    Args:
        code: Return code of `subprocess`, negative for a signal.
        log: Log file of the worker.
        kills_before: `out_of_memory_kills` when the worker was started.
    """
    if code == -signal.SIGKILL:
        kills = out_of_memory_kills()
        if kills is not None and kills_before is not None and kills > kills_before:
            return "out of memory: killed by the kernel; use fewer --workers or a smaller batch"
        return "killed by SIGKILL"
    if code < 0:
        return f"killed by {signal.Signals(-code).name}{_log_tail(log)}"
    return f"ended with exit code {code}{_log_tail(log)}"


def error_summary(error: BaseException) -> str:
    """Describe an exception of a trial, with a remedy if memory ran out."""
    text = " ".join(str(error).split())
    name = type(error).__name__
    if name == "OutOfMemoryError" or "out of memory" in text.lower():
        return (
            f"out of memory on the GPU: {text[:200]}; use a smaller --workers-per-device or "
            "--batch-size"
        )
    if isinstance(error, MemoryError):
        return "out of memory; use fewer --workers or a smaller --batch-size"
    return f"{name}: {text}" if text else name


def _log_tail(log: Path) -> str:
    """The last error in a worker's log, or its last line."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _LOG_TAIL))
            tail = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    errors = [match.group() for match in _TRACEBACK.finditer(tail)]
    lines = [line for line in tail.splitlines() if line.strip()]
    last = errors[-1] if errors else lines[-1] if lines else ""
    return f"; the log ends: {last[:300]}" if last else ""
