"""`htrans-tui serve` in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from core.workspace import Workspace


@dataclass(frozen=True)
class Serving:
    """A server that listens."""

    process: subprocess.Popen[str]
    url: str
    said: Path

    @property
    def origin(self) -> str:
        return self.url.rstrip("/")

    def apps(self) -> list[psutil.Process]:
        """The processes of the visitors' apps."""
        children = psutil.Process(self.process.pid).children()
        return [child for child in children if child.status() != psutil.STATUS_ZOMBIE]

    def end(self) -> tuple[int, str]:
        """Ask it to end; the exit code and all that it said on stderr."""
        self.process.terminate()
        code = self.process.wait(20)
        return code, self.said.read_text()


@contextmanager
def serving(folder: Path, workspace: Workspace, *options: str) -> Iterator[Serving]:
    """Serve a workspace at a free port."""
    said = folder / "serve.err"
    place = ("--workspace", str(workspace.root))
    with said.open("w") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "htrans_tui", "serve", "--port", "0", *place, *options],
            stdout=subprocess.PIPE,
            stderr=err,
            text=True,
        )
    try:
        yield Serving(process, _first_line(process.stdout), said)
    finally:
        process.terminate()
        process.communicate(timeout=20)


def _first_line(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline().strip()
