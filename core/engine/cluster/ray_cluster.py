"""Ray, as far as the engine needs it: connect, count slots, share objects, submit, cancel.

What Ray raises becomes a `TaskLostError` with the cause in one sentence and whether the trial had
part in it.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence
from typing import Any, Protocol

import ray
from ray.exceptions import (
    NodeDiedError,
    ObjectLostError,
    ObjectStoreFullError,
    OutOfDiskError,
    OutOfMemoryError,
    RayActorError,
    RayError,
    RayTaskError,
    WorkerCrashedError,
)
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from core.engine.cluster.mailbox import Order, TaskMailbox, Visit
from core.engine.cluster.tasks import (
    OtherVersionError,
    TaskContext,
    score_documents,
    train_trial,
    version,
)
from core.engine.host.disk import is_full
from core.engine.host.exit_reason import error_summary
from core.engine.host.ray_requirement import NoClusterError, check_address
from core.errors import HTransError

_FETCH = 20.0
"""Seconds in which a checkpoint must have come."""

FULL = (ObjectStoreFullError, OutOfDiskError)
"""What Ray raises when neither its object store nor the disk behind it has room."""

_log = logging.getLogger("htrans.supervisor")


class StoreFullError(HTransError):
    """The object store has no room for what a trial needs."""


class TaskLostError(HTransError):
    """A task has ended without a result. `is_crash`: its trial may be why."""

    def __init__(self, reason: str, *, is_crash: bool) -> None:
        super().__init__(reason)
        self.is_crash = is_crash


class Cluster(Protocol):
    """What the supervisor needs of a cluster; `RayCluster` says what each is."""

    def open_mailbox(self) -> None: ...  # noqa: D102
    def slots(self) -> int: ...  # noqa: D102
    def share(self, value: Any) -> Any: ...  # noqa: D102
    def train(self, name: str, *arguments: Any) -> Any: ...  # noqa: D102
    def score(self, name: str, *arguments: Any) -> Any: ...  # noqa: D102
    def ended(self, tasks: Sequence[Any], seconds: float) -> list[Any]: ...  # noqa: D102
    def result(self, task: Any) -> Any: ...  # noqa: D102
    def fetch(self, reference: Any) -> Any: ...  # noqa: D102
    def cancel(self, task: Any) -> None: ...  # noqa: D102
    def visit_desk(  # noqa: D102
        self, orders: dict[str, tuple[Order, int]]
    ) -> dict[str, Visit]: ...
    def disconnect(self) -> None: ...  # noqa: D102


class RayCluster:
    """A connection of this process to a cluster; there can be one at a time.

    A trial takes one CPU, and on a cluster with GPUs the share of one that `workers_per_device`
    leaves it; `device` is auto, cpu or cuda.
    """

    def __init__(
        self, address: str | None, device: str, workers_per_device: int, *, may_start: bool = True
    ) -> None:
        """Connect. Without an address to that of RAY_ADDRESS or of this machine.

        If there is none, and `may_start`, one is started on this machine. Raises `NoClusterError`.
        """
        self._device = device
        self._per_device = workers_per_device
        _connect(address, may_start=may_start)
        self._desk: Any = None
        self._visit: Any = None
        self._train = ray.remote(max_retries=0)(train_trial)
        self._score = ray.remote(max_retries=0)(score_documents)

    def open_mailbox(self) -> None:
        """Start the desk on this machine."""
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self._desk = (
            ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(TaskMailbox)
            .options(scheduling_strategy=here)
            .remote()
        )

    def slots(self) -> int:
        """How many trials the machines of the cluster can train at the same time."""
        nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
        machines = [node["Resources"] for node in nodes if node["Alive"]]
        self._uses_gpus = self._device == "cuda" or (
            self._device == "auto" and any(machine.get("GPU") for machine in machines)
        )
        return sum(_places_on(m, self._per_device, self._uses_gpus) for m in machines)

    def share(self, value: Any) -> Any:
        """Put something into the object store; return the reference.

        Raises `StoreFullError`.
        """
        try:
            return ray.put(value)
        except FULL as error:
            raise StoreFullError(_first_line(error)) from error

    def train(self, name: str, *arguments: Any) -> Any:
        """Submit a training with the arguments of `train_trial`; return its reference."""
        return self._submit(self._train, name, arguments)

    def score(self, name: str, *arguments: Any) -> Any:
        """Submit a scoring with the arguments of `score_documents`; return its reference."""
        return self._submit(self._score, name, arguments)

    def ended(self, tasks: Sequence[Any], seconds: float) -> list[Any]:
        """Those of the tasks that have ended; waits until one has, at most so long."""
        if not tasks:
            return []
        ready, _ = ray.wait(list(tasks), num_returns=1, timeout=seconds)
        if ready:
            ready, _ = ray.wait(list(tasks), num_returns=len(tasks), timeout=0)
        return list(ready)

    def result(self, task: Any) -> Any:
        """What an ended task has returned. Raises `TaskLostError`."""
        try:
            return ray.get(task)
        except RayTaskError as error:
            cause = error.cause or error
            raise TaskLostError(
                error_summary(cause), is_crash=not _is_circumstance(cause)
            ) from error
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

    def fetch(self, reference: Any) -> Any:
        """An object that a task has put; raises `TaskLostError` if it is gone."""
        try:
            return ray.get(reference, timeout=_FETCH)
        except RayError as error:
            raise TaskLostError(_first_line(error), is_crash=False) from error

    def cancel(self, task: Any) -> None:
        """Kill the task's process."""
        ray.cancel(task, force=True)

    def visit_desk(self, orders: dict[str, tuple[Order, int]]) -> dict[str, Visit]:
        """Give the orders, get the news of the visit before if it is over; nothing waits for it.

        While the desk is being started, or started again, there are none.
        """
        found: dict[str, Visit] = {}
        if self._visit is not None:
            over, _ = ray.wait([self._visit], timeout=0)
            if not over:
                return found
            try:
                found = ray.get(self._visit)
            except RayActorError as error:
                _log.warning("the desk cannot be reached: %s", _first_line(error))
        self._visit = self._desk.collect.remote(orders)
        return found

    def disconnect(self) -> None:
        """End the tasks that are left, and a cluster that was started for this process."""
        ray.shutdown()

    def _submit(self, function: Any, name: str, arguments: tuple[Any, ...]) -> Any:
        errand = TaskContext(name, self._desk, version())
        gpus = 1 / self._per_device if self._uses_gpus else 0
        task = function.options(num_cpus=1, num_gpus=gpus, name=name)
        try:
            return task.remote(errand, *arguments)
        except FULL as error:
            raise StoreFullError(_first_line(error)) from error


def _connect(address: str | None, *, may_start: bool) -> None:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Ray would hide the GPUs from tasks that ask for none, and warns that it will cease to.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if address is not None:
        check_address(address)
    try:
        ray.init(address=address or "auto", logging_level=logging.WARNING)
    except ConnectionError as error:
        if address is not None or not may_start:
            where = address or "this machine"
            raise NoClusterError(
                f"there is no Ray cluster at {where}; start one with: ray start --head"
            ) from error
        ray.init(logging_level=logging.WARNING, include_dashboard=False)
    except (RayError, RuntimeError, ValueError) as error:
        raise NoClusterError(f"the Ray cluster does not let us in: {_first_line(error)}") from error


def _places_on(machine: dict[str, float], per_device: int, uses_gpus: bool) -> int:
    cpus = int(machine.get("CPU", 0))
    return min(cpus, int(machine.get("GPU", 0) * per_device)) if uses_gpus else cpus


def _is_circumstance(cause: BaseException) -> bool:
    """Whether an exception in a task says something of the machine, not of the trial."""
    of_the_machine = (*FULL, ObjectLostError, ImportError, OtherVersionError)
    return is_full(cause) or isinstance(cause, of_the_machine)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__
