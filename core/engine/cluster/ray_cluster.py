"""A connection to a Ray cluster: share objects, run tasks, exchange messages with them.

Exceptions of Ray become `TaskLostError` with the cause in one sentence.
"""

from __future__ import annotations

import itertools
import logging
import re
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import ray
from ray.exceptions import (
    GetTimeoutError,
    NodeDiedError,
    ObjectStoreFullError,
    OutOfDiskError,
    OutOfMemoryError,
    RayError,
    RayTaskError,
    WorkerCrashedError,
)
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from core.engine.cluster.mailbox import TaskMailbox
from core.engine.cluster.tasks import OtherVersionError, TaskContext, version
from core.engine.host import ray_connection
from core.engine.host.disk import is_full
from core.engine.host.exit_reason import error_summary
from core.engine.trials.executor import TaskLostError

_COLLECT_INTERVAL = 0.1
_COLLECT_TIMEOUT = 30.0
_FETCH_TIMEOUT = 20.0
_GRACE = 0.4
"""Seconds in which an unwanted task can end by itself before its process is killed."""
_FULL = (ObjectStoreFullError, OutOfDiskError)

_log = logging.getLogger("htrans.worker")


class RayCluster:
    """A connection of this process to a cluster, used by several threads.

    A task takes one CPU. On a cluster with GPUs it also takes 1 / `workers_per_device` of a GPU.
    """

    def __init__(self, address: str | None, device: str, workers_per_device: int) -> None:
        """Connect, or start a cluster on this machine if there is none and no `address` is given.

        Raises:
            NoClusterError: There is no cluster at the address.
        """
        self._device = device
        self._per_device = workers_per_device
        self._uses_gpus = False
        ray_connection.connect(address, may_start=True)
        self._lock = threading.Lock()
        self._remote: dict[Callable[..., Any], Any] = {}
        self._tasks: dict[str, RayTask] = {}
        self._numbers = itertools.count(1)
        self._next_collection = 0.0
        self._open_mailbox()

    def slots(self) -> int:
        """Number of trials that the cluster can train at a time."""
        number, self._uses_gpus = ray_connection.slots(self._device, self._per_device)
        return number

    def share(self, value: Any) -> Any:
        """Put a value into the object store; return its reference."""
        try:
            return ray.put(value)
        except _FULL as error:
            raise _full(error) from error

    def fetch(self, reference: Any) -> Any:
        """Get a value from the object store, None if it is lost."""
        try:
            return ray.get(reference, timeout=_FETCH_TIMEOUT)
        except RayError as error:
            _log.warning("an object was lost: %s", _first_line(error))
            return None

    def run(self, name: str, function: Callable[..., Any], *arguments: Any) -> RayTask:
        """Submit a function of `core.engine.cluster.tasks`; its first argument is added here."""
        name = f"{name} #{next(self._numbers)}"
        gpus = 1 / self._per_device if self._uses_gpus else 0
        with self._lock:
            if function not in self._remote:
                # The worker itself handles lost tasks.
                self._remote[function] = ray.remote(max_retries=0)(function)
            remote = self._remote[function].options(num_cpus=1, num_gpus=gpus, name=name)
            context = TaskContext(name, self._mailbox, version())
            try:
                task = RayTask(self, name, remote.remote(context, *arguments))
            except _FULL as error:
                raise _full(error) from error
            self._tasks[name] = task
        return task

    def collect(self, *, at_once: bool = False) -> None:
        """Exchange messages with all tasks, at most once in 0.1 s unless `at_once`."""
        with self._lock:
            if not at_once and time.monotonic() < self._next_collection:
                return
            self._next_collection = time.monotonic() + _COLLECT_INTERVAL
            stopping = {name for name, task in self._tasks.items() if task.stopping}
            answer = self._mailbox.collect.remote(set(self._tasks), stopping)
            try:
                deliveries = ray.get(answer, timeout=_COLLECT_TIMEOUT)
            except (RayError, GetTimeoutError) as error:
                _log.warning("the mailbox is lost: %s", _first_line(error))
                for task in self._tasks.values():
                    task.is_lost = True
                self._open_mailbox()
                return
            for name, delivery in deliveries.items():
                self._tasks[name].messages.extend(delivery.messages)
                self._tasks[name].reported_at = time.monotonic() - delivery.silence

    def forget(self, name: str) -> None:
        """Remove a task that has ended."""
        with self._lock:
            del self._tasks[name]

    def disconnect(self) -> None:
        """Kill the remaining tasks, and the cluster if this process has started it."""
        ray.shutdown()

    def _open_mailbox(self) -> None:
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        actor = ray.remote(num_cpus=0)(TaskMailbox)
        self._mailbox: Any = actor.options(scheduling_strategy=here).remote()


class RayTask:
    """A submitted task, used in a `with` block, at whose end it is stopped if it still runs.

    `messages` are those that have arrived, `reported_at` is the monotonic time of its last report,
    None before the first.
    """

    def __init__(self, cluster: RayCluster, name: str, reference: Any) -> None:
        self._cluster = cluster
        self._reference = reference
        self.name = name
        self.messages: deque[Any] = deque()
        self.reported_at: float | None = None
        self.stopping = False
        self.is_lost = False

    def __enter__(self) -> RayTask:
        return self

    def __exit__(self, *_error: object) -> None:
        self.stopping = True
        self._cluster.collect(at_once=True)
        if not self.wait(_GRACE):
            ray.cancel(self._reference, force=True)
        self._cluster.forget(self.name)

    def wait(self, seconds: float) -> bool:
        """Wait for the end and collect messages; return True if the task has ended."""
        ended, _ = ray.wait([self._reference], timeout=seconds)
        self._cluster.collect(at_once=bool(ended))
        return bool(ended)

    def result(self) -> Any:
        """The return value of a task that has ended."""
        try:
            return ray.get(self._reference)
        except RayTaskError as error:
            cause = error.cause or error
            raise TaskLostError(error_summary(cause), is_crash=not _is_of_machine(cause)) from error
        except OutOfMemoryError as error:
            reason = "out of memory: killed by Ray's memory monitor; give a trial more of the node"
            raise TaskLostError(reason, is_crash=True) from error
        except WorkerCrashedError as error:
            raise TaskLostError("its process was killed", is_crash=True) from error
        except NodeDiedError as error:
            node = re.search(r"Node IP: ([^,\s]+)", str(error))
            reason = f"the machine{f' {node.group(1)}' if node else ''} has left the cluster"
            raise TaskLostError(reason, is_crash=False) from error
        except RayError as error:
            raise TaskLostError(_first_line(error), is_crash=False) from error


def _is_of_machine(cause: BaseException) -> bool:
    """Whether an exception of a task is caused by the machine, not by the trial."""
    return is_full(cause) or isinstance(cause, (RayError, ImportError, OtherVersionError))


def _full(error: BaseException) -> TaskLostError:
    reason = f"the object store is full: {_first_line(error)}"
    return TaskLostError(reason, is_crash=False, delay=5.0)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
