"""Run the command line as a user does: in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

from core.workspace import Workspace

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
    "--workers=2",
)
"""Options with which the small corpus is learned in a few seconds."""


def htrans(
    workspace: Workspace, *arguments: str, input: str | None = None, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run `htrans-tui ARGUMENTS` in a workspace."""
    return subprocess.run(
        [sys.executable, "-m", "htrans_tui", *arguments],
        env={**os.environ, "HTRANS_WORKSPACE": str(workspace.root)},
        input=input,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def htrans_alone(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `htrans-tui ARGUMENTS` without a workspace, with further environment variables."""
    return subprocess.run(
        [sys.executable, "-m", "htrans_tui", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def htrans_json(workspace: Workspace, *arguments: str) -> Any:
    """What a command prints with --json."""
    result = htrans(workspace, *arguments, "--json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)
