"""Subprocesses of the app, for work that loads torch or takes long."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CompletedProcess:
    """Exit code and output of a process that has ended."""

    returncode: int
    stdout: str
    stderr: str


async def run_python(module: str, *arguments: str) -> CompletedProcess:
    """Run a Python module in a subprocess. Kills the subprocess if the caller is cancelled."""
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
    return CompletedProcess(
        process.returncode or 0, out.decode("utf-8", "replace"), err.decode("utf-8", "replace")
    )
