"""The reasons that are recorded for a worker's death."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from core.engine.host import exit_reason as deaths
from core.engine.host.exit_reason import error_summary, exit_reason


def test_a_signal_is_named_with_the_last_error_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_text("begins\nTraceback (most recent call last):\nValueError: no such word\nbye\n")
    reason = exit_reason(-11, log, None)
    assert reason == "killed by SIGSEGV; the log ends: ValueError: no such word"


def test_an_exit_code_is_told_with_the_logs_last_line(tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_text("x" * 9000 + "\nlast line\n\n")
    assert exit_reason(3, log, None) == "ended with exit code 3; the log ends: last line"
    assert exit_reason(3, tmp_path / "absent", None) == "ended with exit code 3"


def test_the_kernels_killer_is_recognised_by_its_counter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deaths, "out_of_memory_kills", lambda: 4)
    assert exit_reason(-9, tmp_path / "log", 4) == "killed by SIGKILL"
    assert "out of memory: killed by the kernel" in exit_reason(-9, tmp_path / "log", 3)


def test_out_of_memory_of_cuda_is_recognised() -> None:
    import torch

    error = torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB\non device 0")
    assert error_summary(error).startswith("out of memory on the GPU: CUDA out of memory. Tried")
    assert "--workers-per-device" in error_summary(error)
    assert error_summary(MemoryError()).startswith("out of memory; use fewer --workers")
    assert error_summary(KeyError("x")) == "KeyError: 'x'"


def test_the_counter_can_be_read_or_is_unknown() -> None:
    count = deaths.out_of_memory_kills()
    assert count is None or count >= 0


def test_a_real_killed_process_is_described(tmp_path: Path) -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGABRT)"
    process = subprocess.run([sys.executable, "-c", code], check=False)
    assert exit_reason(process.returncode, tmp_path / "log", None) == "killed by SIGABRT"
