"""How busy this machine is: CPU, memory, disk, and GPUs through NVML where there are any."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class GpuLoad:
    """A GPU: share of the time in which it computed, and its memory in bytes."""

    number: int
    busy: float
    memory_used: int
    memory_total: int


@dataclass(frozen=True, slots=True)
class Load:
    """Shares are between 0 and 1, sizes in bytes; `cpu` is of all cores together."""

    cpu: float
    memory_used: int
    memory_total: int
    disk_free: int
    disk_total: int
    gpus: tuple[GpuLoad, ...] = ()


def gpu_loads() -> tuple[GpuLoad, ...]:
    """The load of every NVIDIA GPU; none where the driver or its library is missing."""
    import pynvml

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return ()
    try:
        handles = [
            pynvml.nvmlDeviceGetHandleByIndex(number)
            for number in range(pynvml.nvmlDeviceGetCount())
        ]
        found = []
        for number, handle in enumerate(handles):
            memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
            busy = pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100
            found.append(GpuLoad(number, busy, int(memory.used), int(memory.total)))
        return tuple(found)
    except pynvml.NVMLError:
        return ()
    finally:
        pynvml.nvmlShutdown()


class LoadMeter:
    """Measures the load again and again; the CPU's share is the one since the last time."""

    def __init__(self, folder: Path, gpus: Callable[[], tuple[GpuLoad, ...]] = gpu_loads) -> None:
        """`folder` is on the disk that is watched; without a GPU it is asked for them only once."""
        self._folder = folder
        self._gpus: Callable[[], tuple[GpuLoad, ...]] | None = gpus
        psutil.cpu_percent()

    def read(self) -> Load:
        """The load now."""
        memory = psutil.virtual_memory()
        disk = shutil.disk_usage(self._folder)
        gpus = self._gpus() if self._gpus is not None else ()
        if not gpus:
            self._gpus = None
        return Load(
            cpu=psutil.cpu_percent() / 100,
            memory_used=memory.total - memory.available,
            memory_total=memory.total,
            disk_free=disk.free,
            disk_total=disk.total,
            gpus=gpus,
        )
