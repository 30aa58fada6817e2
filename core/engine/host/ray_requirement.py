"""Whether Ray is installed, and how many trials a cluster takes; asked without loading Ray."""

from __future__ import annotations

import importlib.util
import json
import socket
import subprocess
import sys

from core.errors import HTransError

_PATIENCE = 60.0
_REACHING = 5.0


class NoClusterError(HTransError):
    """There is no Ray cluster at the address, or it has gone."""


def require_ray() -> None:
    """Raise `HTransError` if the extra `cluster` is not installed."""
    if importlib.util.find_spec("ray") is None:
        raise HTransError(
            "--engine ray needs Ray, which is not installed; install it with: "
            "pip install 'ray>=2.40' (the extra cluster)"
        )


def check_address(address: str) -> None:
    """Raise `NoClusterError` at once if nothing listens at HOST:PORT, where Ray would try on."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or "//" in address:
        raise NoClusterError(
            f"--address {address}: give HOST:PORT of the head, as ray start told it, and run this "
            "on a machine of the cluster"
        )
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=_REACHING):
            return
    except OSError as error:
        raise NoClusterError(
            f"no Ray cluster answers at {address} ({error.strerror or error}); start its head "
            "with: ray start --head"
        ) from error


def cluster_slots(address: str | None, device: str, workers_per_device: int) -> int | None:
    """How many trials a cluster trains at the same time, asked in a process of its own.

    None if no address is given and none runs on this machine. Raises `HTransError` for an address
    without a cluster, and for one without a slot.
    """
    require_ray()
    if device not in ("auto", "cpu", "cuda"):
        raise HTransError(
            f"--device {device}: on a cluster Ray chooses the device; use auto, cpu or cuda"
        )
    if address is not None:
        check_address(address)
    asked = json.dumps([address, device, workers_per_device])
    try:
        result = subprocess.run(
            [sys.executable, "-m", "core.engine.cluster.probe", asked],
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
        )
    except subprocess.TimeoutExpired:
        raise HTransError(f"the Ray cluster at {address} does not answer") from None
    lines = result.stdout.strip().splitlines()
    if result.returncode != 0 or not lines:
        if address is None:
            return None
        raise NoClusterError(f"what answers at {address} is no Ray cluster that lets us in")
    slots = int(lines[-1])
    if slots == 0:
        what = "GPU" if device == "cuda" else "CPU"
        raise HTransError(f"the Ray cluster has no free {what}: start a node that has one")
    return slots
