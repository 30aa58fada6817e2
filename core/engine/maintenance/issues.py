"""Issues of a machine or a workspace."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.errors import CorruptFileError
from core.workspace import Workspace

FIX = "remove it with: htrans-tui doctor --fix"


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue, or with `is_note` a note.

    Attributes:
        kind: For example "model" or "orphan".
        subject: A path relative to the workspace, a corpus or a process.
        problem: Description of the issue.
        remedy: Action for the user.
        fixable: Whether `doctor --fix` repairs it.
        is_note: Whether it needs no action.
    """

    kind: str
    subject: str
    problem: str
    remedy: str
    fixable: bool = False
    is_note: bool = False


def damaged(kind: str, workspace: Workspace, path: Path, problem: str, remedy: str) -> Issue:
    """An issue of a damaged file or folder of the workspace."""
    return Issue(kind, relative(workspace, path), problem, remedy)


def relative(workspace: Workspace, path: Path) -> str:
    """A path relative to the workspace."""
    return str(path.relative_to(workspace.root))


def message_without_path(path: Path, error: CorruptFileError) -> str:
    """The message of an error without the path at its start."""
    return str(error).removeprefix(f"{path}: ")
