"""Checks of Ray and its cluster, without importing Ray in this process."""

from __future__ import annotations

import importlib.util
import json
import socket
import subprocess
import sys

from core.errors import HTransError

_PROBE_TIMEOUT = 60.0
_CONNECT_TIMEOUT = 5.0


class NoClusterError(HTransError):
    """There is no Ray cluster at the address, or its connection was lost."""


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
            f"--address {address}: expected HOST:PORT of the head node, as printed by ray start; "
            "run this command on a machine of the cluster"
        )
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_TIMEOUT):
            return
    except OSError as error:
        raise NoClusterError(
            f"no Ray cluster answers at {address} ({error.strerror or error}); start its head "
            "with: ray start --head"
        ) from error


def cluster_slots(address: str | None, device: str, workers_per_device: int) -> int | None:
    """Number of trials that a cluster trains in parallel. Queries Ray in a subprocess.

    Args:
        address: HOST:PORT of the head node; None for a cluster on this machine.
        device: "auto", "cpu" or "cuda".
        workers_per_device: Trials that share a GPU.

    Returns:
        None if no address is given and no cluster is running on this machine.

    Raises:
        HTransError: Ray is not installed, there is no cluster, or it has no free device.
    """
    require_ray()
    if device not in ("auto", "cpu", "cuda"):
        raise HTransError(
            f"--device {device}: on a cluster Ray chooses the device; use auto, cpu or cuda"
        )
    if address is not None:
        check_address(address)
    request = json.dumps([address, device, workers_per_device])
    try:
        result = subprocess.run(
            [sys.executable, "-m", "core.engine.cluster.probe", request],
            capture_output=True,
            text=True,
            check=False,
            timeout=_PROBE_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        raise HTransError(f"the Ray cluster at {address} does not answer") from None
    lines = result.stdout.strip().splitlines()
    if result.returncode != 0 or not lines:
        if address is None:
            return None
        raise NoClusterError(
            f"{address} is not a Ray cluster, or the cluster refused the connection; check "
            "--address and the Ray version"
        )
    slots = int(lines[-1])
    if slots == 0:
        kind = "GPU" if device == "cuda" else "CPU"
        raise HTransError(f"the Ray cluster has no free {kind}; start a node that has one")
    return slots
