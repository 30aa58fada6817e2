"""Load of this machine: CPU, memory, disk, and NVIDIA GPUs through NVML."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class GpuLoad:
    """Load of a GPU: utilisation between 0 and 1, and memory in bytes."""

    number: int
    busy: float
    memory_used: int
    memory_total: int


@dataclass(frozen=True, slots=True)
class Load:
    """Load of the machine. `cpu` is the mean utilisation of all cores (0 to 1); sizes in bytes."""

    cpu: float
    memory_used: int
    memory_total: int
    disk_free: int
    disk_total: int
    gpus: tuple[GpuLoad, ...] = ()


def gpu_loads() -> tuple[GpuLoad, ...]:
    """The load of every NVIDIA GPU; empty if the driver or its library is missing."""
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
        loads = []
        for number, handle in enumerate(handles):
            memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
            busy = pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100
            loads.append(GpuLoad(number, busy, int(memory.used), int(memory.total)))
        return tuple(loads)
    except pynvml.NVMLError:
        return ()
    finally:
        pynvml.nvmlShutdown()


class LoadMeter:
    """Reads the load. The CPU utilisation is the mean since the last read."""

    def __init__(self, folder: Path, gpus: Callable[[], tuple[GpuLoad, ...]] = gpu_loads) -> None:
        """Watch the disk of `folder`. If `gpus` returns no GPU, it is not called again."""
        self._folder = folder
        self._gpus: Callable[[], tuple[GpuLoad, ...]] | None = gpus
        psutil.cpu_percent()

    def read(self) -> Load:
        """The current load."""
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
