"""Checkpoints: the newest good one, whoever wrote it, and never a foreign one."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from core.errors import CorruptFileError
from core.training.checkpoints import TrialCheckpoints, read_checkpoint


def checkpoint(number: int) -> dict[str, Any]:
    return {"epoch": number, "network": {"weight": torch.full((3,), float(number))}}


@pytest.fixture
def checkpoints(tmp_path: Path) -> TrialCheckpoints:
    return TrialCheckpoints(tmp_path, "c1-a1-w5", "run 1 trial 1")


def loaded(checkpoints: TrialCheckpoints) -> tuple[int | None, list[str]]:
    """The number of the checkpoint that is loaded, and what was said of corrupt ones."""
    said: list[str] = []
    found = checkpoints.load(lambda error: said.append(str(error)))
    return (None if found is None else int(found["epoch"])), said


def test_without_a_file_there_is_none(checkpoints: TrialCheckpoints) -> None:
    assert loaded(checkpoints) == (None, [])


def test_the_newest_is_loaded_and_the_one_before_it_kept(
    checkpoints: TrialCheckpoints, tmp_path: Path
) -> None:
    for number in range(1, 5):
        checkpoints.save(checkpoint(number), claim=1)
    assert loaded(checkpoints) == (4, [])
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "foreign"])
def test_a_damaged_one_is_named_and_the_one_before_it_is_taken(
    checkpoints: TrialCheckpoints, tmp_path: Path, damage: str
) -> None:
    checkpoints.save(checkpoint(1), claim=1)
    checkpoints.save(checkpoint(2), claim=1)
    newest = tmp_path / "c1-a1-w5.k000001.resume"
    content = bytearray(newest.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "flipped":
        content[-20] ^= 1
    elif damage == "empty":
        content = bytearray()
    else:
        content = bytearray(pickle.dumps({"epoch": 9}))
    newest.write_bytes(content)
    number, said = loaded(checkpoints)
    assert number == 1
    assert len(said) == 1
    assert str(newest) in said[0]
    assert (tmp_path / "c1-a1-w5.k000001.resume.corrupt").exists()
    assert loaded(checkpoints) == (1, [])


def test_the_checkpoint_of_another_trial_is_refused(
    checkpoints: TrialCheckpoints, tmp_path: Path
) -> None:
    TrialCheckpoints(tmp_path, "c1-a1-w5", "run 2 trial 7").save(checkpoint(3), claim=1)
    number, said = loaded(checkpoints)
    assert number is None
    assert "belongs to run 2 trial 7" in said[0]


def test_a_late_write_under_an_older_claim_does_not_touch_the_newer_one(
    checkpoints: TrialCheckpoints,
) -> None:
    checkpoints.save(checkpoint(1), claim=1)
    checkpoints.save(checkpoint(5), claim=2)
    checkpoints.save(checkpoint(2), claim=1)
    assert loaded(checkpoints) == (5, [])


def test_removed_checkpoints_are_gone(checkpoints: TrialCheckpoints, tmp_path: Path) -> None:
    checkpoints.save(checkpoint(1), claim=1)
    checkpoints.save(checkpoint(2), claim=2)
    checkpoints.remove()
    assert list(tmp_path.iterdir()) == []


def test_other_trials_checkpoints_are_left_alone(tmp_path: Path) -> None:
    first = TrialCheckpoints(tmp_path, "c1-a1-w5", "a")
    second = TrialCheckpoints(tmp_path, "c1-a1-w50", "b")
    first.save(checkpoint(1), claim=1)
    second.save(checkpoint(2), claim=1)
    first.save(checkpoint(3), claim=2)
    first.remove()
    assert loaded(second) == (2, [])


class Bomb:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (Path("exploded"),)


def test_no_code_in_a_checkpoint_is_run(
    checkpoints: TrialCheckpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    checkpoints.save({"bomb": Bomb()}, claim=1)
    with pytest.raises(CorruptFileError, match="not a readable checkpoint"):
        read_checkpoint(tmp_path / "c1-a1-w5.k000001.resume")
    assert not (tmp_path / "exploded").exists()
