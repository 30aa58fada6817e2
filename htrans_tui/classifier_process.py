"""The background process that keeps a run's models loaded and classifies what is typed."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass

from core.workspace import Workspace

_LONGEST_ANSWER = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Ready:
    """The models are loaded; `without_model` categories have none."""

    without_model: int


@dataclass(frozen=True, slots=True)
class Answer:
    """Accepted categories and the probability of each category for the request `id`."""

    id: int
    labels: frozenset[str]
    scores: dict[str, float]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why nothing can be classified."""

    message: str


class ClassifierProcess:
    """Starts the process, sends it text and yields its answers."""

    def __init__(self, workspace: Workspace, run_name: str) -> None:
        self._arguments = (str(workspace.root.absolute()), run_name)
        self._process: asyncio.subprocess.Process | None = None
        self._sent = 0
        self._ended = False

    async def answers(self) -> AsyncIterator[Ready | Answer | Failure]:
        """Start the process and yield what it says, until it ends."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "core.engine.classify_service",
            *self._arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            limit=_LONGEST_ANSWER,
        )
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            yield _parse(line)
        if not self._ended:
            yield Failure(f"the classifier has ended (exit code {await self._process.wait()})")

    def send(self, text: str) -> int:
        """Ask for a text; return the id that its answer will have."""
        self._sent += 1
        if self._process is not None and self._process.stdin is not None:
            request = json.dumps({"id": self._sent, "text": text})
            self._process.stdin.write(request.encode() + b"\n")
        return self._sent

    async def end(self) -> None:
        """End the process and wait until it is gone; nothing more is answered."""
        self._ended = True
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            if self._process.stdin is not None:
                self._process.stdin.close()
            await self._process.wait()


def _parse(line: bytes) -> Ready | Answer | Failure:
    said = json.loads(line)
    if "error" in said:
        return Failure(said["error"])
    if "ready" in said:
        return Ready(said["ready"])
    return Answer(said["id"], frozenset(said["labels"]), said["scores"])
