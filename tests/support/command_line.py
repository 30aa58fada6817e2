"""Run the command line as a user does, in a process of its own; it is forked, to start at once."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

from core.workspace import Workspace
from tests.support.forked import run_module

TRAIN_QUICKLY = (
    "--class-weights=1,3",
    "--epochs=8",
    "--patience=3",
    "--hidden-units=12",
    "--dimensions=16",
    "--batch-size=16",
    "--learning-rate=0.01",
    "--transferred-learning-rate=0.005",
    "--device=cpu",
    "--workers=1",
)
"""Options with which the small corpus is learned in a few seconds."""


def htrans(
    workspace: Workspace, *arguments: str, input: str | None = None, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run `htrans-tui ARGUMENTS` in a workspace."""
    environment = {**os.environ, "HTRANS_WORKSPACE": str(workspace.root)}
    return run_module("htrans_tui", arguments, environment, input, timeout)


def htrans_alone(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `htrans-tui ARGUMENTS` without a workspace, with further environment variables."""
    return run_module("htrans_tui", arguments, {**os.environ, **environment})


def htrans_json(workspace: Workspace, *arguments: str) -> Any:
    """What a command prints with --json."""
    result = htrans(workspace, *arguments, "--json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def error_line(result: subprocess.CompletedProcess[str]) -> str:
    """The line in which a failed command says why; lines of progress may precede it."""
    assert result.returncode == 1, result
    *before, last = result.stderr.splitlines()
    assert [line for line in before if not line.startswith("importing ")] == [], result.stderr
    assert last.startswith("error: "), last
    assert "unexpected" not in last, last
    return last.removeprefix("error: ")


def error_of(workspace: Workspace, *arguments: str) -> str:
    """Run a command that must fail and return its error line."""
    return error_line(htrans(workspace, *arguments))
