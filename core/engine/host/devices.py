"""Which devices there are and how many workers share them.

On the CPU a slot is a core and its worker has one thread: with two threads each, two workers on two
cores are many times slower than with one. On CUDA several workers share a device, since one such
network leaves it idle.
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
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def cuda_devices() -> int:
    """Number of CUDA devices, asked of torch in a process of its own; a build for CPUs has none."""
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

    `device` is auto, cpu, cuda, or a comma-separated list such as cuda:0,cuda:1. `workers`, if
    given, is their number in all. Raises `HTransError` for a device that does not exist.
    """
    devices = _devices(device, count_cuda)
    on_cpu = devices == ["cpu"]
    number = workers or (cpu_cores() if on_cpu else workers_per_device * len(devices))
    return [devices[i % len(devices)] for i in range(number)]


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
    there = [f"cuda:{i}" for i in range(count_cuda())]
    if device == "auto":
        return there or ["cpu"]
    if not there:
        raise HTransError(f"--device {device}: torch sees no CUDA device here; use --device cpu")
    if device == "cuda":
        return there
    missing = [name for name in names if name not in there]
    if missing:
        raise HTransError(f"--device {device}: no {missing[0]} here; there is {', '.join(there)}")
    return names
