"""Real processes that start in milliseconds: forked from a server that has loaded the libraries.

The program itself is not loaded there: each process loads what it needs of it, as a new one does.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerContext
from pathlib import Path

_LIBRARIES = (
    *("torch", "safetensors.torch", "numpy", "scipy.sparse", "sklearn.linear_model", "spacy"),
    *("sqlite_utils", "psutil", "typer", "rich.progress"),
)
"""What the program loads when it needs it, which takes most of a short command's time."""


def forking() -> ForkServerContext:
    """The context to start processes with; each of them has one thread."""
    os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", *_LIBRARIES])
    return context


def run_module(
    module: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    input: str | None = None,
    timeout: float = 120,
) -> subprocess.CompletedProcess[str]:
    """Run `python -m MODULE ARGUMENTS` in a forked process, as `subprocess.run` would."""
    command = [module, *arguments]
    with tempfile.TemporaryDirectory() as name:
        streams = [Path(name) / stream for stream in ("stdin", "stdout", "stderr")]
        for stream in streams:
            stream.write_text("", encoding="utf-8")
        streams[0].write_text(input or "", encoding="utf-8")
        place = (dict(environment), Path.cwd(), streams)
        process = forking().Process(target=_become, args=(command, *place))
        process.start()
        process.join(timeout)
        code = process.exitcode
        if code is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(command, timeout)
        process.close()
        said = [stream.read_text(encoding="utf-8") for stream in streams[1:]]
        return subprocess.CompletedProcess(command, code, *said)


def _become(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, streams: Sequence[Path]
) -> None:
    """In the forked process: be what `python -m` makes of a command."""
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    for number, stream in enumerate(streams):
        opened = os.open(stream, os.O_RDWR)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, encoding="utf-8", errors="backslashreplace", closefd=False)
    sys.argv = list(command)
    runpy.run_module(command[0], run_name="__main__", alter_sys=True)
