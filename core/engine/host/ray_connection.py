"""Connect to a Ray cluster and count its slots. Ray is loaded only where it is used."""

from __future__ import annotations

import importlib.util
import logging
import multiprocessing
import os
import socket
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from core.errors import HTransError
from core.process_pool import ProcessPool

_COUNT_TIMEOUT = 60.0
_CONNECT_TIMEOUT = 5.0


class NoClusterError(HTransError):
    """There is no Ray cluster at the address."""


def require_ray() -> None:
    """Raise `HTransError` if the extra `cluster` is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise HTransError(
            "--engine ray needs Ray, which is not installed; install it with: "
            "pip install 'ray>=2.40' (the extra cluster)"
        )


def check_address(address: str) -> None:
    """Raise `NoClusterError` if nothing listens at HOST:PORT; Ray itself would retry for long."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or "//" in address:
        raise NoClusterError(
            f"--address {address}: give HOST:PORT of the head, as ray start printed it, and run "
            "this on a machine of the cluster"
        )
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_TIMEOUT):
            return
    except OSError as error:
        raise NoClusterError(
            f"no Ray cluster answers at {address} ({error.strerror or error}); start its head "
            "with: ray start --head"
        ) from error


def connect(address: str | None, *, may_start: bool) -> None:
    """Connect this process to a cluster.

    Args:
        address: HOST:PORT of the head. None for RAY_ADDRESS or the cluster of this machine.
        may_start: Start a cluster on this machine if there is none.

    Raises:
        NoClusterError: There is no cluster, or it refuses the connection.
    """
    import ray
    from ray.exceptions import RayError

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Otherwise Ray hides the GPUs from tasks that request none, and warns that this will change.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if address is not None:
        check_address(address)
    try:
        ray.init(address=address or "auto", logging_level=logging.WARNING)
    except ConnectionError as error:
        if address is not None or not may_start:
            raise NoClusterError(
                f"there is no Ray cluster at {address or 'this machine'}; start one with: "
                "ray start --head"
            ) from error
        ray.init(logging_level=logging.WARNING, include_dashboard=False)
    except (RayError, RuntimeError, ValueError) as error:
        raise NoClusterError(f"the Ray cluster refuses the connection: {error}") from error


def slots(device: str, workers_per_device: int) -> tuple[int, bool]:
    """Count the trials that the connected cluster can train at a time.

    Args:
        device: "auto", "cpu" or "cuda".
        workers_per_device: Trials that share a GPU.

    Returns:
        The number of slots, and whether trials train on GPUs.
    """
    import ray

    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    machines = [node["Resources"] for node in nodes if node["Alive"]]
    uses_gpus = device == "cuda" or (
        device == "auto" and any(machine.get("GPU") for machine in machines)
    )
    number = 0
    for machine in machines:
        cpus = int(machine.get("CPU", 0))
        gpus = int(machine.get("GPU", 0) * workers_per_device)
        number += min(cpus, gpus) if uses_gpus else cpus
    return number, uses_gpus


def cluster_slots(address: str | None, device: str, workers_per_device: int) -> int | None:
    """Count the slots of a cluster in a child process, so that this one does not load Ray.

    Returns:
        The number, or None if no address is given and this machine has no cluster.

    Raises:
        HTransError: There is no cluster at the address, or it has no slot.
    """
    require_ray()
    if device not in ("auto", "cpu", "cuda"):
        raise HTransError(
            f"--device {device}: on a cluster Ray chooses the device; use auto, cpu or cuda"
        )
    if address is not None:
        check_address(address)
    with ProcessPool(1, multiprocessing.get_context("spawn"), _quiet) as pool:
        try:
            number = pool.submit(_count, address, device, workers_per_device).result(_COUNT_TIMEOUT)
        except TimeoutError:
            place = address or "this machine"
            raise HTransError(f"the Ray cluster at {place} does not answer") from None
        except BrokenProcessPool:
            raise HTransError(
                "the process that counts the slots of the Ray cluster has ended; try again"
            ) from None
        except NoClusterError:
            if address is None:
                return None
            raise
    if number == 0:
        what = "GPU" if device == "cuda" else "CPU"
        raise HTransError(f"the Ray cluster has no free {what}: start a node that has one")
    return number


def _quiet() -> None:
    """Discard what Ray prints in the child process."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)


def _count(address: str | None, device: str, workers_per_device: int) -> int:
    connect(address, may_start=False)
    return slots(device, workers_per_device)[0]
