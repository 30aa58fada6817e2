"""Documents that `predict` has labelled with the small run, once for all test processes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from core.workspace import Workspace
from tests.support.command_line import htrans
from tests.support.made_once import made_once
from tests.support.small_corpus import documents

TOTAL = 700
"""Documents, so many that a process has several chunks of them."""


@dataclass(frozen=True)
class Labelled:
    """A file of documents, and what an undisturbed call of two processes makes of it."""

    path: Path
    output: Path

    @property
    def lines(self) -> list[str]:
        """The lines of the documents."""
        return self.path.read_text(encoding="utf-8").splitlines(keepends=True)


def labelled(tmp_path_factory: pytest.TempPathFactory, workspace: Workspace) -> Labelled:
    """Documents labelled with the run `small` of a workspace."""

    def label(folder: Path) -> None:
        lines = [json.dumps(document) + "\n" for document in documents(TOTAL, seed=5)]
        (folder / "in.jsonl").write_text("".join(lines), encoding="utf-8")
        arguments = ("predict", "small", str(folder / "in.jsonl"), "--workers=2", "--device=cpu")
        done = htrans(workspace, *arguments, "--output", str(folder / "out.jsonl"))
        assert done.returncode == 0, done.stderr
        assert f"{TOTAL} documents in" in done.stderr
        assert "1 category" in done.stderr

    folder = made_once(tmp_path_factory, "labelled", label)
    return Labelled(folder / "in.jsonl", folder / "out.jsonl")


def records(path: Path) -> list[dict[str, Any]]:
    """The objects of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
