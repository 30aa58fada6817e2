"""The process that keeps a run's models loaded (`core.engine.prediction.inference_server`)."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import HTransError
from core.workspace import Workspace

_LONGEST_ANSWER = 64 * 1024 * 1024
_SUPERSEDING = ("text", "explain")
"""Kinds of requests of which only the newest is answered."""


class SupersededError(Exception):
    """A newer request of the kind has been sent; nobody waits for this one's answer."""


@dataclass(frozen=True, slots=True)
class Shading:
    """Places (start, end) of a text's tokens, and the attention on each; both may be empty."""

    spans: Sequence[tuple[int, int]] = ()
    weights: Sequence[float] = ()

    @classmethod
    def of(cls, answer: dict[str, Any]) -> Shading:
        """What an answer of the process holds."""
        return cls([(start, end) for start, end in answer["spans"]], answer["attention"])


@dataclass(frozen=True, slots=True)
class Answer:
    """Accepted categories, the probability of each category, and the attention of one of them."""

    labels: frozenset[str]
    scores: dict[str, float]
    shading: Shading


class InferenceClient:
    """Starts the process with the first request, and hands out its answers."""

    def __init__(self, workspace: Workspace, run_name: str) -> None:
        self._arguments = (str(workspace.root.absolute()), run_name)
        self._process: asyncio.subprocess.Process | None = None
        self._starting: asyncio.Lock = asyncio.Lock()
        self._reader: asyncio.Task[None] | None = None
        self._waiting: dict[int, tuple[str, asyncio.Future[dict[str, Any]]]] = {}
        self._sent = 0
        self.users = 0

    async def load(self) -> int:
        """Load all models; return how many categories have none.

        Raises `HTransError` where that cannot be.
        """
        return int((await self._ask("load", load=True))["ready"])

    async def classify(self, text: str, attention: str | None = None) -> Answer:
        """Classify a text, with the attention of one category.

        Raises `SupersededError` when a newer text is asked for meanwhile, `HTransError` on failure.
        """
        said = await self._ask("text", text=text, attention=attention)
        return Answer(frozenset(said["labels"]), said["scores"], Shading.of(said))

    async def explain(self, text: str, category: str) -> Shading:
        """The attention of one category on a text; raises like `classify`."""
        return Shading.of(await self._ask("explain", explain=text, category=category))

    async def prepare(self, category: str, split: str) -> None:
        """Score a category's documents of a split, unless they are; raises `HTransError`."""
        await self._ask("prepare", prepare=category, split=split)

    async def end(self) -> None:
        """End the process and wait until it is gone; nothing more is answered."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            if self._process.stdin is not None:
                self._process.stdin.close()
            await self._process.wait()
        if self._reader is not None:
            await self._reader

    async def _ask(self, kind: str, **request: Any) -> dict[str, Any]:
        async with self._starting:
            if self._process is None or self._process.returncode is not None:
                await self._start()
        assert self._process is not None
        assert self._process.stdin is not None
        self._sent += 1
        number = self._sent
        if kind in _SUPERSEDING:
            for earlier, (its_kind, waiting) in list(self._waiting.items()):
                if its_kind == kind:
                    self._waiting.pop(earlier)
                    if not waiting.done():
                        waiting.set_exception(SupersededError())
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = kind, future
        try:
            line = json.dumps({"id": number, **request}).encode() + b"\n"
            self._process.stdin.write(line)
            await self._process.stdin.drain()
        except OSError:
            self._waiting.pop(number, None)
            raise HTransError("the process with the models has ended; try again") from None
        return await future

    async def _start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "core.engine.prediction.inference_server",
            *self._arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            limit=_LONGEST_ANSWER,
        )
        self._reader = asyncio.create_task(self._read(self._process))

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        problem = None
        async for line in process.stdout:
            said = json.loads(line)
            if said["id"] == 0:
                problem = said["error"]
                continue
            _, future = self._waiting.pop(said["id"], ("", None))
            if future is None or future.done():
                continue
            if "error" in said:
                future.set_exception(HTransError(said["error"]))
            else:
                future.set_result(said)
        code = await process.wait()
        problem = problem or f"the process with the models has ended (exit code {code})"
        for _, future in self._waiting.values():
            if not future.done():
                future.set_exception(HTransError(problem))
        self._waiting.clear()
