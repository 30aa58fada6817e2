"""From devices and numbers to one slot for each worker."""

from __future__ import annotations

import os

import pytest

from core.engine.host import devices
from core.engine.host.devices import cpu_cores, cuda_devices, slots
from core.errors import HTransError


def none() -> int:
    return 0


def two() -> int:
    return 2


def not_asked() -> int:
    raise AssertionError("the CPU needs no look at CUDA")


def test_cpu_has_a_slot_for_each_core_whatever_shares_a_gpu() -> None:
    assert slots("cpu", None, 7, not_asked) == ["cpu"] * cpu_cores()


def test_cores_are_those_that_this_process_may_use() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert cpu_cores() == 1
        assert slots("cpu", None, 2, not_asked) == ["cpu"]
    finally:
        os.sched_setaffinity(0, before)


def test_number_of_workers_on_the_cpu_can_be_chosen() -> None:
    assert slots("cpu", 5, 2, not_asked) == ["cpu"] * 5


def test_auto_takes_the_cpu_where_there_is_no_gpu() -> None:
    assert slots("auto", 3, 2, none) == ["cpu"] * 3


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_every_gpu_is_taken_and_shared(device: str) -> None:
    assert slots(device, None, 2, two) == ["cuda:0", "cuda:1", "cuda:0", "cuda:1"]
    assert slots(device, None, 1, two) == ["cuda:0", "cuda:1"]


def test_workers_are_dealt_to_the_gpus_in_turn() -> None:
    assert slots("auto", 3, 2, two) == ["cuda:0", "cuda:1", "cuda:0"]
    assert slots("auto", 1, 2, two) == ["cuda:0"]


def test_build_of_torch_for_cpus_is_not_started_to_count_gpus(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(devices, "version", lambda name: {"torch": "2.10.0+cpu"}[name])
    monkeypatch.setattr(devices, "_PROBE", "print(7)")
    assert cuda_devices() == 0
    monkeypatch.setattr(devices, "version", lambda name: {"torch": "2.10.0"}[name])
    assert cuda_devices() == 7


def test_list_of_gpus_takes_only_those() -> None:
    assert slots("cuda:1", None, 2, two) == ["cuda:1", "cuda:1"]
    assert slots("cuda:1,cuda:0", None, 1, two) == ["cuda:1", "cuda:0"]


def test_gpu_that_is_absent_is_named_with_those_there_are() -> None:
    with pytest.raises(HTransError, match=r"--device cuda:0,cuda:7: cuda:7 .*: cuda:0"):
        slots("cuda:0,cuda:7", None, 2, two)


@pytest.mark.parametrize("device", ["cuda", "cuda:0"])
def test_gpu_asked_for_where_there_is_none_points_to_the_cpu(device: str) -> None:
    with pytest.raises(HTransError, match=f"--device {device}: .*use --device cpu"):
        slots(device, None, 2, none)


@pytest.mark.parametrize("device", ["tpu", "", "cuda:", "cuda:x", "cpu,cuda:0", "cuda:0,", "CPU"])
def test_unknown_device_is_refused_without_a_look_at_cuda(device: str) -> None:
    with pytest.raises(HTransError, match="unknown; use auto, cpu, cuda or a list"):
        slots(device, None, 2, not_asked)
