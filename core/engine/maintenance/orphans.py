"""Files and folders of a workspace that no row refers to.

A file that is younger than ten minutes, or whose temporary name contains the pid of a running
process, is not an orphan: its row may still be written.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from core.engine.artifacts.run_files import CHECKPOINT, MODEL, SCORES
from core.engine.maintenance.issues import FIX, Issue, relative
from core.engine.maintenance.referred_files import ReferredFiles, referred_files
from core.errors import HTransError
from core.files import TEMPORARY_SUFFIX
from core.workspace import Workspace
from db.connection import Store
from db.corpora import corpus_ids, unfinished_corpora
from db.runs import run_ids
from db.vectors import vectors_ids

MIN_AGE = 600.0
"""Seconds since the last change of a file before it counts as an orphan."""

_TABLE = re.compile(r"[0-9a-f]{64}\.safetensors")
_WRITER = re.compile(r"\.(?:.*\.(\d+)\.partial|partial-(\d+)|(?:tokens|graphs)-(?:\d+|all)-(\d+))")
"""Temporary name of a file or folder; one of the groups is the pid of its writer."""
_LEFT_BEHIND = "left behind by a process that was killed"
_KINDS = (
    (CHECKPOINT, "a checkpoint without an unfinished trial"),
    (MODEL, "a model without a trial"),
    (SCORES, "scores of a trial that does not exist"),
    (_TABLE, "an embedding table that no model refers to"),
    (re.compile(r".*\.corrupt"), "a damaged file that was set aside"),
    (re.compile(rf".*{re.escape(TEMPORARY_SUFFIX)}"), _LEFT_BEHIND),
)


@dataclass(frozen=True, slots=True)
class Orphan:
    """A file or folder without a row; `description` is None for a file of another program."""

    path: Path
    description: str | None

    def to_issue(self, workspace: Workspace) -> Issue:
        """An issue, or a note for a file of another program."""
        subject = relative(workspace, self.path)
        if self.description is None:
            problem = "not a file of htrans-tui; it is not removed"
            return Issue("orphan", subject, problem, "move it elsewhere", is_note=True)
        return Issue("orphan", subject, self.description, FIX, fixable=True)

    def remove(self) -> None:
        """Remove the file or folder; raise `HTransError` if that fails."""
        try:
            if self.path.is_dir() and not self.path.is_symlink():
                shutil.rmtree(self.path)
            else:
                self.path.unlink()
        except OSError as error:
            raise HTransError(
                f"{self.path}: cannot be removed ({error.strerror}); check its permissions"
            ) from error


def orphans(store: Store, workspace: Workspace) -> list[Orphan]:
    """All orphans, by path."""
    referred = referred_files(store, workspace)
    now = time.time()
    return [
        orphan
        for orphan in sorted(_without_row(store, workspace, referred), key=lambda o: o.path)
        if now - _newest_change(orphan.path) >= MIN_AGE and not _is_being_written(orphan.path)
    ]


def _without_row(store: Store, workspace: Workspace, referred: ReferredFiles) -> Iterator[Orphan]:
    importing = {workspace.corpus(corpus.id) for corpus in unfinished_corpora(store)}
    owned = {
        "artifacts": {workspace.run(run_id) for run_id in run_ids(store)},
        "corpora": {workspace.corpus(corpus_id) for corpus_id in corpus_ids(store)},
        "vectors": {workspace.vectors(vectors_id) for vectors_id in vectors_ids(store)},
    }
    owned["artifacts"].add(workspace.embeddings)
    files = referred.all
    folders_with_files = frozenset(path.parent for path in files)
    for parent, folders in owned.items():
        for child in _children(workspace.root / parent):
            if child in importing:
                continue
            if child in folders:
                orphaned = _below(child, files, folders_with_files)
                yield from (o for o in orphaned if referred.all_tables_known or not _is_table(o))
            else:
                yield Orphan(child, _describe_folder(parent, child))


def _below(
    folder: Path, files: frozenset[Path], folders_with_files: frozenset[Path]
) -> Iterator[Orphan]:
    for path in _children(folder):
        if path in folders_with_files:
            yield from _below(path, files, folders_with_files)
        elif path not in files:
            yield Orphan(path, _describe(path))


def _is_table(orphan: Orphan) -> bool:
    return _TABLE.fullmatch(orphan.path.name) is not None


def _describe_folder(parent: str, path: Path) -> str | None:
    if _WRITER.fullmatch(path.name):
        return _LEFT_BEHIND
    number = path.name.removeprefix("run-") if parent == "artifacts" else path.name
    numbered = number.isdigit() and (parent != "artifacts" or path.name.startswith("run-"))
    kind = {"artifacts": "run", "corpora": "corpus", "vectors": "table of word vectors"}[parent]
    return f"files of a {kind} that does not exist" if numbered and path.is_dir() else None


def _describe(path: Path) -> str | None:
    if path.is_dir():
        return _LEFT_BEHIND if _WRITER.fullmatch(path.name) else None
    return next((text for pattern, text in _KINDS if pattern.fullmatch(path.name)), None)


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _newest_change(path: Path) -> float:
    """Time of the newest change in seconds since 1970; now if the path has vanished."""
    try:
        times = [path.lstat().st_mtime]
        if path.is_dir():
            times += [below.lstat().st_mtime for below in path.rglob("*")]
    except FileNotFoundError:
        return time.time()
    return max(times)


def _is_being_written(path: Path) -> bool:
    match = _WRITER.fullmatch(path.name)
    return match is not None and psutil.pid_exists(int(match[match.lastindex or 0]))
