"""Which engine is to work for a run: the processes of this machine, or a Ray cluster."""

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
    """What somebody asks for. `kind` None is the engine at work, else the one of this machine.

    `address` is that of a Ray cluster, None for the one that Ray finds or starts on this machine;
    `workers` are the most in all, None for as many as there is room for.
    """

    kind: str | None = None
    address: str | None = None
    device: str = "auto"
    workers: int | None = None
    workers_per_device: int = DEFAULT_WORKERS_PER_DEVICE


@dataclass(frozen=True, slots=True)
class EngineChoice:
    """An engine that can work: how many trials at a time, and whether any on a CPU for sure."""

    kind: str
    slots: int
    on_cpu: bool


def choose_engine(store: Store, request: EngineRequest) -> EngineChoice:
    """Check a request.

    Raises `HTransError` for a device, an extra or a cluster that is not there, `ConflictError` if
    another engine is at work.
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
            f"the engine at work here is {running.kind!r}; wait until it ends, or stop it with: "
            "htrans-tui engine stop"
        )
    if kind == "local":
        devices = slots(request.device, request.workers, request.workers_per_device)
        return EngineChoice(kind, len(devices), "cpu" in devices)
    if running is not None:
        return EngineChoice(kind, max(len(present_workers(store)), 1), False)
    there = cluster_slots(request.address, request.device, request.workers_per_device)
    number = min(there or cpu_cores(), request.workers or there or cpu_cores())
    return EngineChoice(kind, number, request.device == "cpu")


def configure(store: Store, request: EngineRequest) -> bool:
    """Record what the next supervisor is to use; False if one is at work, which keeps its own."""
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
