"""How busy the machine is, with and without a GPU."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from core.engine.monitoring.load import GpuLoad, LoadMeter, gpu_loads


class FakeError(Exception):
    """What the library raises."""


def library(*, broken: str | None = None) -> SimpleNamespace:
    """A library with two GPUs, one of whose functions may fail."""

    def make(name: str, answer: object) -> Callable[..., object]:
        def function(*_: object) -> object:
            if name == broken:
                raise FakeError(name)
            return answer

        return function

    answers: dict[str, object] = {
        "nvmlInit": None,
        "nvmlShutdown": None,
        "nvmlDeviceGetCount": 2,
        "nvmlDeviceGetHandleByIndex": object(),
        "nvmlDeviceGetMemoryInfo": SimpleNamespace(used=3, total=12),
        "nvmlDeviceGetUtilizationRates": SimpleNamespace(gpu=45, memory=10),
    }
    functions = {name: make(name, answer) for name, answer in answers.items()}
    return SimpleNamespace(NVMLError=FakeError, **functions)


def test_gpus_are_read_through_nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", library())
    assert gpu_loads() == (GpuLoad(0, 0.45, 3, 12), GpuLoad(1, 0.45, 3, 12))


@pytest.mark.parametrize("broken", ["nvmlInit", "nvmlDeviceGetUtilizationRates"])
def test_without_a_driver_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", library(broken=broken))
    assert gpu_loads() == ()


def test_the_meter_reads_what_the_machine_says(tmp_path: Path) -> None:
    gpu = GpuLoad(0, 0.5, 1, 2)
    load = LoadMeter(tmp_path, lambda: (gpu,)).read()
    assert load.gpus == (gpu,)
    assert load.memory_total == psutil.virtual_memory().total
    assert 0 < load.memory_used < load.memory_total
    assert 0.0 <= load.cpu <= 1.0
    assert 0 < load.disk_free <= load.disk_total


def test_a_machine_without_a_gpu_is_asked_for_it_once(tmp_path: Path) -> None:
    asked: list[int] = []

    def none() -> tuple[GpuLoad, ...]:
        asked.append(1)
        return ()

    meter = LoadMeter(tmp_path, none)
    for _ in range(3):
        assert meter.read().gpus == ()
    assert len(asked) == 1
