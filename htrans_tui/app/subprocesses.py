"""Programs that the app runs beside itself, for what would load torch or take long."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that has ended: its exit code and what it printed."""

    code: int
    out: str
    err: str


async def run_python(module: str, *arguments: str) -> Ended:
    """Run a module of this program in a process of its own, which ends with who waits for it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.communicate()
        raise
    return Ended(
        process.returncode or 0, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")
    )
