"""A cluster that runs its tasks in the process of the test. Needs Ray only for its types."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

import torch

from core.engine.cluster import tasks
from core.engine.cluster.messages import Started
from core.engine.cluster.ray_cluster import RayCluster, RayTask
from core.engine.cluster.reporter import TaskReporter
from core.systems.trial import TrialInputs

CPU = torch.device("cpu")


class FakeCluster(RayCluster):
    """Runs a task when it is asked for its result, after two polls.

    `failures` are raised by the first tasks of a kind instead. `on_poll` is called at each poll of
    a running task. Tasks in `hanging` do not end by themselves.
    """

    def __init__(self, slots: int = 1) -> None:
        self.number = slots
        self.submitted: list[str] = []
        self.cancelled: list[str] = []
        self.failures: dict[str, list[Exception]] = {"train": [], "score": [], "share": []}
        self.on_poll: Callable[[FakeTask], None] = lambda task: None
        self.hanging: set[str] = set()

    def disconnect(self) -> None: ...

    def slots(self) -> int:
        return self.number

    def share(self, value: Any) -> Any:
        self.fail("share")
        return value

    def fetch(self, reference: Any) -> Any:
        return reference

    def run(self, name: str, function: Callable[..., Any], *arguments: Any) -> FakeTask:
        kind = "train" if function is tasks.train_trial else "score"
        name = f"{kind} {name} #{len(self.submitted)}"
        self.submitted.append(name)
        return FakeTask(self, name, kind, arguments)

    def fail(self, kind: str) -> None:
        if self.failures[kind]:
            raise self.failures[kind].pop(0)


class FakeTask(RayTask):
    def __init__(
        self, cluster: FakeCluster, name: str, kind: str, arguments: tuple[Any, ...]
    ) -> None:
        self.cluster = cluster
        self.name = name
        self.kind = kind
        self.arguments = arguments
        self.messages = deque([Started("10.0.0.7", 77, "cpu")])
        self.reported_at = time.monotonic()
        self.stopping = False
        self.is_lost = False
        self._polls = 0
        self._end: Any = None

    def __exit__(self, *_: object) -> None:
        if self.name in self.cluster.hanging:
            self.cluster.cancelled.append(self.name)
            self.cluster.hanging.discard(self.name)

    def wait(self, seconds: float) -> bool:
        del seconds
        self._polls += 1
        self.cluster.on_poll(self)
        if self._polls < 3 or self.name in self.cluster.hanging:
            return False
        if not self.cluster.failures[self.kind]:
            self._end = self._work()
        return True

    def result(self) -> Any:
        self.cluster.fail(self.kind)
        return self._end

    def _work(self) -> Any:
        if self.kind == "score":
            spec, documents, model, embeddings, vectors = self.arguments
            loaded = tasks.unpacked(model, embeddings)
            return tasks.score(spec, documents, loaded, vectors, CPU, lambda: self.stopping)
        spec, documents, embeddings, source, vectors, resumed = self.arguments
        inputs = TrialInputs(
            documents,
            None if source is None else tasks.unpacked(source, embeddings),
            lambda: torch.from_numpy(embeddings),
            lambda: vectors,
        )

        def report(messages: list[Any]) -> tuple[bool, float]:
            self.messages.extend(messages)
            return self.stopping, 0.01

        reporter = TaskReporter(report)
        reporter._stopping = self.stopping
        with reporter:
            return tasks.train(spec, inputs, resumed, reporter, CPU, lambda content: content)
