"""Training devices and the number of workers on each.

A slot is a CPU core or a share of a GPU. A worker on the CPU has one thread: two workers with two
threads each on two cores are many times slower. Several workers share a GPU, because one small
network does not use it fully.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version

from core.errors import HTransError

DEFAULT_WORKERS_PER_DEVICE = 2
_PROBE = "import torch; print(torch.cuda.device_count())"


def cpu_cores() -> int:
    """Number of cores available to this process."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cuda_devices() -> int:
    """Number of CUDA devices. Queries torch in a subprocess; 0 for a CPU build of torch."""
    if version("torch").endswith("+cpu"):
        return 0
    result = subprocess.run(
        [sys.executable, "-c", _PROBE], capture_output=True, text=True, check=False
    )
    return int(result.stdout.strip()) if result.returncode == 0 else 0


def slots(
    device: str,
    workers: int | None,
    workers_per_device: int,
    count_cuda: Callable[[], int] = cuda_devices,
) -> list[str]:
    """The device of each worker to start, for example ["cpu", "cpu"] or ["cuda:0", "cuda:0"].

    Args:
        device: "auto", "cpu", "cuda", or a comma-separated list such as "cuda:0,cuda:1".
        workers: Total number of workers; None for one per slot.
        workers_per_device: Workers that share a GPU.
        count_cuda: Returns the number of CUDA devices.

    Raises:
        HTransError: A device does not exist.
    """
    devices = _devices(device, count_cuda)
    on_cpu = devices == ["cpu"]
    count = workers or (cpu_cores() if on_cpu else workers_per_device * len(devices))
    return [devices[i % len(devices)] for i in range(count)]


def _devices(device: str, count_cuda: Callable[[], int]) -> list[str]:
    if device == "cpu":
        return ["cpu"]
    names = device.split(",")
    known = device in ("auto", "cuda") or all(
        name.startswith("cuda:") and name[5:].isdigit() for name in names
    )
    if not known:
        raise HTransError(
            f"--device {device}: unknown; use auto, cpu, cuda or a list such as cuda:0,cuda:1"
        )
    available = [f"cuda:{i}" for i in range(count_cuda())]
    if device == "auto":
        return available or ["cpu"]
    if not available:
        raise HTransError(f"--device {device}: torch finds no CUDA device; use --device cpu")
    if device == "cuda":
        return available
    missing = [name for name in names if name not in available]
    if missing:
        raise HTransError(
            f"--device {device}: {missing[0]} does not exist; available: {', '.join(available)}"
        )
    return names
