"""What an examination of machine and workspace finds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.errors import CorruptFileError
from core.workspace import Workspace

FIX = "remove it with: htrans-tui doctor --fix"


@dataclass(frozen=True, slots=True)
class Issue:
    """Something that is wrong, or with `is_note` only worth knowing.

    `kind` is a word such as model or orphan, `subject` names the thing: a path relative to the
    workspace, a corpus, a process. `fixable` says that `mend` can put it right.
    """

    kind: str
    subject: str
    problem: str
    remedy: str
    fixable: bool = False
    is_note: bool = False


def damaged(kind: str, workspace: Workspace, path: Path, problem: str, remedy: str) -> Issue:
    """A file or folder of the workspace that is not what it should be."""
    return Issue(kind, relative(workspace, path), problem, remedy)


def relative(workspace: Workspace, path: Path) -> str:
    """A path as findings name it."""
    return str(path.relative_to(workspace.root))


def said_of(path: Path, error: CorruptFileError) -> str:
    """What an error says of a file, without the path in front."""
    return str(error).removeprefix(f"{path}: ")
