"""`doctor` and `backup` as a user runs them, also while a run trains."""

from __future__ import annotations

import json
import os
import tarfile
import time
from pathlib import Path

import pytest

from core.workspace import Workspace
from db.connection import Store
from tests.support.command_line import error_of, htrans, htrans_json
from tests.support.messages import tells
from tests.support.waiting import until

SLOWLY = (
    "--class-weights=1",
    "--epochs=24",
    "--patience=24",
    "--hidden-units=24",
    "--dimensions=16",
    "--batch-size=8",
    "--learning-rate=0.01",
    "--device=cpu",
    "--workers=1",
    "--categories=animals",
    "--system=gru-att",
)
"""Options with which a run is still at work when the next command looks at it.

It is one long trial: of several short ones the next may just have begun, without a checkpoint.
"""


def an_orphan(place: Workspace) -> Path:
    """A model that no trial has, an hour old."""
    path = place.run(1) / "c1-a1-w9.k000001.safetensors"
    path.write_bytes(b"orphan")
    os.utime(path, (time.time() - 3600,) * 2)
    return path


def test_doctor_finds_nothing_wrong_and_says_what_it_runs_on(own_copy: Workspace) -> None:
    result = htrans(own_copy, "doctor")
    assert result.returncode == 0, result.stdout
    first, second, *_, last = result.stdout.splitlines()
    for name in ("htrans-tui", "Python", "torch", "textual", "sqlite-utils", "SQLite"):
        assert f"{name} " in first
    assert "CPU core" in second
    assert "CUDA device" in second
    assert last == "no problems found"


def test_doctor_json_names_each_problem_and_exit_code_tells(own_copy: Workspace) -> None:
    orphan = an_orphan(own_copy)
    result = htrans(own_copy, "doctor", "--json")
    assert result.returncode == 1
    said = json.loads(result.stdout)
    assert set(said) == {
        *("versions", "cpu_cores", "cuda_devices", "workspace"),
        *("problems", "notes", "mended"),
    }
    (problem,) = said["problems"]
    assert set(problem) == {"kind", "subject", "problem", "remedy", "fixable", "is_note"}
    assert problem["kind"] == "orphan"
    assert problem["subject"] == str(orphan.relative_to(own_copy.root))
    assert tells(problem["remedy"], "htrans-tui doctor --fix")
    assert (problem["fixable"], problem["is_note"]) == (True, False)


def test_doctor_fix_says_what_it_mended_and_a_second_run_is_clean(own_copy: Workspace) -> None:
    orphan = an_orphan(own_copy)
    found = htrans(own_copy, "doctor")
    assert found.returncode == 1
    assert f"problem: orphan artifacts/run-0001/{orphan.name}: " in found.stdout
    assert found.stdout.splitlines()[-1].startswith("1 problem")
    assert orphan.exists()
    mended = htrans(own_copy, "doctor", "--fix")
    assert mended.returncode == 0, mended.stdout
    assert f"repaired: orphan artifacts/run-0001/{orphan.name}" in mended.stdout
    assert not orphan.exists()
    assert htrans(own_copy, "doctor").returncode == 0
    assert "labels" in htrans_json(own_copy, "classify", "small", "fur and paw")


def test_doctor_fix_leaves_a_lost_model_as_a_problem(own_copy: Workspace) -> None:
    model = next(own_copy.run(1).glob("c1-*.safetensors"))
    model.unlink()
    result = htrans(own_copy, "doctor", "--fix")
    assert result.returncode == 1
    assert tells(result.stdout, model.name, "missing", "htrans-tui retrain small animals")


def test_doctor_without_a_workspace_speaks_of_the_machine_only(tmp_path: Path) -> None:
    nowhere = Workspace(tmp_path / "nowhere")
    result = htrans(nowhere, "doctor", "--fix")
    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert len(lines) == 3
    assert tells(lines[2], nowhere.root)
    assert not nowhere.root.exists()
    assert htrans_json(nowhere, "doctor")["workspace"] is None


def test_backup_reports_a_missing_file_in_one_line(own_copy: Workspace, tmp_path: Path) -> None:
    model = next(own_copy.run(1).glob("c1-*.safetensors"))
    model.unlink()
    error = error_of(own_copy, "backup", str(tmp_path / "b.tar"))
    assert tells(error, tmp_path / "b.tar", "1 missing", f"artifacts/run-0001/{model.name}")
    assert (tmp_path / "b.tar").exists()


def test_backup_of_no_workspace_is_an_error_of_one_line(tmp_path: Path) -> None:
    error = error_of(Workspace(tmp_path / "nowhere"), "backup", str(tmp_path / "b.tar"))
    assert tells(error, tmp_path / "nowhere", "--workspace")
    assert not (tmp_path / "b.tar").exists()


def second_run(place: Workspace) -> Path:
    """The folder of the run named `second`, whatever its number."""
    store = Store(place.database)
    try:
        return place.run(store.value("SELECT id FROM runs WHERE name = 'second'"))
    finally:
        store.close()


@pytest.fixture
def in_training(own_copy: Workspace) -> Workspace:
    """The trained workspace with a second run at work, which has written a checkpoint."""
    started = htrans(own_copy, "train", "small", "--name", "second", *SLOWLY)
    assert started.returncode == 0, started.stderr
    until(lambda: any(second_run(own_copy).glob("*.resume")))
    return own_copy


@pytest.mark.slow
def test_a_backup_taken_during_training_goes_on_elsewhere(
    in_training: Workspace, tmp_path: Path
) -> None:
    archive = tmp_path / "b.tar"
    try:
        orphan = an_orphan(in_training)
        at_work = htrans(in_training, "doctor", "--fix")
        taken = htrans(in_training, "backup", str(archive))
        still = htrans_json(in_training, "engine", "status")
    finally:
        htrans(in_training, "engine", "stop")
    assert taken.returncode == 0, taken.stderr
    assert still["running"], "the run ended before the backup was taken"
    assert at_work.returncode == 1, at_work.stdout
    assert tells(at_work.stdout, "htrans-tui engine stop")
    assert at_work.stdout.splitlines()[-1].startswith("1 problem")
    assert orphan.exists()
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path, filter="data")
    unpacked = Workspace(tmp_path / "htrans-workspace")
    examined = htrans(unpacked, "doctor")
    assert examined.returncode == 0, examined.stdout
    assert list(second_run(unpacked).glob("*.resume"))
    assert "labels" in htrans_json(unpacked, "classify", "small", "fur and paw")
    assert htrans_json(unpacked, "status", "second")["run"]["state"] == "running"
    assert htrans(unpacked, "engine", "start", "--device=cpu").returncode == 0
    until(lambda: htrans_json(unpacked, "status", "second")["run"]["state"] == "done", 150)
    until(lambda: not htrans_json(unpacked, "engine", "status")["running"])
    assert htrans(unpacked, "doctor").returncode == 0
