"""Client of the inference server, the subprocess that keeps a run's models loaded.

The server is `core.engine.prediction.inference_server`.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import HTransError
from core.workspace import Workspace

_MAX_RESPONSE_BYTES = 64 * 1024 * 1024
_LATEST_ONLY = ("text", "explain")
"""Kinds of requests of which only the newest is answered."""


class SupersededError(Exception):
    """Raised for a request that a newer request of the same kind replaced."""


@dataclass(frozen=True, slots=True)
class Shading:
    """Character spans (start, end) of tokens and the attention on each. Both may be empty."""

    spans: Sequence[tuple[int, int]] = ()
    weights: Sequence[float] = ()

    @classmethod
    def from_json(cls, response: dict[str, Any]) -> Shading:
        """Read the spans and weights from a response of the server."""
        return cls([(start, end) for start, end in response["spans"]], response["attention"])


@dataclass(frozen=True, slots=True)
class Answer:
    """Result for a text: accepted categories, probabilities, and attention of one category."""

    labels: frozenset[str]
    scores: dict[str, float]
    shading: Shading


class InferenceClient:
    """Asynchronous client that starts the inference server on the first request."""

    def __init__(self, workspace: Workspace, run_name: str) -> None:
        self._arguments = (str(workspace.root.absolute()), run_name)
        self._process: asyncio.subprocess.Process | None = None
        self._starting: asyncio.Lock = asyncio.Lock()
        self._reader: asyncio.Task[None] | None = None
        self._waiting: dict[int, tuple[str, asyncio.Future[dict[str, Any]]]] = {}
        self._sent = 0
        self.users = 0

    async def load(self) -> int:
        """Load all models.

        Returns:
            The number of categories without a model.

        Raises:
            HTransError: If the models cannot be loaded.
        """
        return int((await self._ask("load", load=True))["ready"])

    async def classify(self, text: str, attention: str | None = None) -> Answer:
        """Classify a text.

        Args:
            text: The text.
            attention: Category whose attention is returned; None for no attention.

        Raises:
            SupersededError: If another text was sent before this one was answered.
            HTransError: If the server fails.
        """
        response = await self._ask("text", text=text, attention=attention)
        shading = Shading.from_json(response)
        return Answer(frozenset(response["labels"]), response["scores"], shading)

    async def explain(self, text: str, category: str) -> Shading:
        """Return the attention of one category on a text. Raises the errors of `classify`."""
        return Shading.from_json(await self._ask("explain", explain=text, category=category))

    async def prepare(self, category: str, split: str) -> None:
        """Score a category's documents of a split if necessary. Raises `HTransError` on failure."""
        await self._ask("prepare", prepare=category, split=split)

    async def end(self) -> None:
        """Kill the server and wait for its end. Pending requests fail."""
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
        request_id = self._sent
        if kind in _LATEST_ONLY:
            for earlier_id, (earlier_kind, earlier) in list(self._waiting.items()):
                if earlier_kind == kind:
                    self._waiting.pop(earlier_id)
                    if not earlier.done():
                        earlier.set_exception(SupersededError())
        future: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = kind, future
        try:
            line = json.dumps({"id": request_id, **request}).encode() + b"\n"
            self._process.stdin.write(line)
            await self._process.stdin.drain()
        except OSError:
            self._waiting.pop(request_id, None)
            raise HTransError("the inference server has ended; try again") from None
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
            limit=_MAX_RESPONSE_BYTES,
        )
        self._reader = asyncio.create_task(self._read(self._process))

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        problem = None
        async for line in process.stdout:
            response = json.loads(line)
            if response["id"] == 0:
                problem = response["error"]
                continue
            _, future = self._waiting.pop(response["id"], ("", None))
            if future is None or future.done():
                continue
            if "error" in response:
                future.set_exception(HTransError(response["error"]))
            else:
                future.set_result(response)
        code = await process.wait()
        problem = problem or f"the inference server has ended (exit code {code})"
        for _, future in self._waiting.values():
            if not future.done():
                future.set_exception(HTransError(problem))
        self._waiting.clear()
