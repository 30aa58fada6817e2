"""Files and folders of a workspace that no row refers to.

What is younger than ten minutes, or carries the pid of a living process in its temporary name, may
be about to get its row and is none.
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

LEAST_AGE = 600.0
"""Seconds that a file has been left alone before it counts as an orphan."""

_TABLE = re.compile(r"[0-9a-f]{64}\.safetensors")
_WRITER = re.compile(r"\.(?:.*\.(\d+)\.partial|partial-(\d+)|(?:tokens|graphs)-(?:\d+|all)-(\d+))")
"""The temporary name of a file or folder; one of the groups is the pid of its writer."""
_KINDS = (
    (CHECKPOINT, "a checkpoint of no unfinished trial"),
    (MODEL, "a model of no trial"),
    (SCORES, "scores of a trial that does not exist"),
    (_TABLE, "an embedding table that no model refers to"),
    (re.compile(r".*\.corrupt"), "a damaged file that was set aside"),
    (re.compile(rf".*{re.escape(TEMPORARY_SUFFIX)}"), "left behind by a process that was killed"),
)


@dataclass(frozen=True, slots=True)
class Orphan:
    """A file or folder without a row; `what` says what it is, None if this program made none so."""

    path: Path
    what: str | None

    def finding(self, workspace: Workspace) -> Issue:
        """What the examination says of it: a foreign file is only noted."""
        subject = relative(workspace, self.path)
        if self.what is None:
            problem = "not a file of this program; it is left alone"
            return Issue("orphan", subject, problem, "keep it elsewhere", is_note=True)
        return Issue("orphan", subject, self.what, FIX, fixable=True)

    def remove(self) -> None:
        """Remove it from disk; raise `HTransError` where that is not possible."""
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
        if now - _newest_change(orphan.path) >= LEAST_AGE and not _is_being_written(orphan.path)
    ]


def _without_row(store: Store, workspace: Workspace, referred: ReferredFiles) -> Iterator[Orphan]:
    importing = {workspace.corpus(corpus.id) for corpus in unfinished_corpora(store)}
    owned = {
        "artifacts": {workspace.run(run_id) for run_id in run_ids(store)},
        "corpora": {workspace.corpus(corpus_id) for corpus_id in corpus_ids(store)},
        "vectors": {workspace.vectors(vectors_id) for vectors_id in vectors_ids(store)},
    }
    owned["artifacts"].add(workspace.embeddings)
    kept = referred.all
    kept_folders = frozenset(path.parent for path in kept)
    for room, folders in owned.items():
        for child in _children(workspace.root / room):
            if child in importing:
                continue
            if child in folders:
                orphaned = _below(child, kept, kept_folders)
                yield from (o for o in orphaned if referred.all_tables_known or not _is_table(o))
            else:
                yield Orphan(child, _folder_without_row(room, child))


def _below(folder: Path, kept: frozenset[Path], kept_folders: frozenset[Path]) -> Iterator[Orphan]:
    for path in _children(folder):
        if path in kept_folders:
            yield from _below(path, kept, kept_folders)
        elif path not in kept:
            yield Orphan(path, _kind_of(path))


def _is_table(orphan: Orphan) -> bool:
    return _TABLE.fullmatch(orphan.path.name) is not None


def _folder_without_row(room: str, path: Path) -> str | None:
    if _WRITER.fullmatch(path.name):
        return "left behind by a process that was killed"
    number = path.name.removeprefix("run-") if room == "artifacts" else path.name
    numbered = number.isdigit() and (room != "artifacts" or path.name.startswith("run-"))
    what = {"artifacts": "run", "corpora": "corpus", "vectors": "table of word vectors"}[room]
    return f"files of a {what} that does not exist" if numbered and path.is_dir() else None


def _kind_of(path: Path) -> str | None:
    if path.is_dir():
        left = _WRITER.fullmatch(path.name)
        return "left behind by a process that was killed" if left else None
    return next((what for pattern, what in _KINDS if pattern.fullmatch(path.name)), None)


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _newest_change(path: Path) -> float:
    """Seconds since 1970; for what has vanished meanwhile, now."""
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
