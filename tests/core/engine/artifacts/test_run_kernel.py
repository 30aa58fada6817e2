"""The kernel of a run is the one that its first worker chose."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.engine.artifacts import run_kernel
from db.connection import Store
from db.runs import record_kernel, recorded_kernel
from tests.support.builders import record_corpus, record_run


def test_two_workers_use_the_kernel_that_the_first_one_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Store(tmp_path / "htrans.db", create=True)
    second = Store(tmp_path / "htrans.db")
    run_id = record_run(first, record_corpus(first), keys=["animals"], weights=(1.0,)).id
    assert recorded_kernel(first, run_id) is None
    monkeypatch.setattr(run_kernel, "fastest_kernel", lambda: "onednn")
    assert run_kernel.run_kernel(first, run_id) == "onednn"
    monkeypatch.setattr(run_kernel, "fastest_kernel", lambda: "torch")
    assert run_kernel.run_kernel(second, run_id) == "onednn"
    assert record_kernel(second, run_id, "torch") == "onednn"
