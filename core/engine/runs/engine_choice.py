"""The choice of engine for a run: processes on this machine or a Ray cluster."""

from __future__ import annotations

from dataclasses import dataclass

from core.engine.host.devices import DEFAULT_WORKERS_PER_DEVICE, cpu_cores, slots
from core.engine.host.launch import running_supervisor
from core.engine.host.ray_connection import cluster_slots
from core.errors import ConflictError, HTransError
from db.connection import Store
from db.workers import configure_engine, present_workers

ENGINES = ("local", "ray")


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """Requested engine.

    Attributes:
        kind: "local" or "ray"; None for the running engine, or else "local".
        address: HOST:PORT of a Ray cluster; None lets Ray find or start one on this machine.
        device: Devices as `--device` names them.
        workers: Maximum number of workers; None for one per slot.
        workers_per_device: Workers that share a GPU.
    """

    kind: str | None = None
    address: str | None = None
    device: str = "auto"
    workers: int | None = None
    workers_per_device: int = DEFAULT_WORKERS_PER_DEVICE


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An available engine: number of parallel trials, and whether a slot is known to be a CPU."""

    kind: str
    slots: int
    on_cpu: bool


def choose_engine(store: Store, request: EngineRequest) -> EngineChoice:
    """Check a request and find the engine that fulfils it.

    Raises:
        HTransError: The device, the extra `cluster` or the cluster does not exist.
        ConflictError: An engine of the other kind is running.
    """
    if request.kind is not None and request.kind not in ENGINES:
        raise HTransError(f"--engine {request.kind}: unknown; use {' or '.join(ENGINES)}")
    if request.workers is not None and request.workers < 1:
        raise HTransError("--workers must be at least 1")
    running = running_supervisor(store)
    kind = request.kind or ("local" if running is None else running.kind)
    if request.address is not None and kind != "ray":
        raise HTransError("--address names a Ray cluster; add --engine ray")
    if running is not None and running.kind != kind:
        raise ConflictError(
            f"the running engine is {running.kind!r}; wait until it ends, or stop it with: "
            "htrans-tui engine stop"
        )
    if kind == "local":
        devices = slots(request.device, request.workers, request.workers_per_device)
        return EngineChoice(kind, len(devices), "cpu" in devices)
    if running is not None:
        return EngineChoice(kind, max(len(present_workers(store)), 1), False)
    available = cluster_slots(request.address, request.device, request.workers_per_device)
    count = min(available or cpu_cores(), request.workers or available or cpu_cores())
    return EngineChoice(kind, count, request.device == "cpu")


def configure(store: Store, request: EngineRequest) -> bool:
    """Record the configuration of the next supervisor.

    Returns:
        False if a supervisor is running; it keeps its configuration.
    """
    if running_supervisor(store) is not None:
        return False
    configure_engine(
        store,
        request.device,
        request.workers,
        request.workers_per_device,
        request.kind or "local",
        request.address,
    )
    return True
