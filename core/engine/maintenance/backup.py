"""Copy a workspace into one tar file during training.

The backup has the state of the database at one moment. Checkpoints are copied before the database:
a trial can resume from a checkpoint that is older than its rows, but not from a newer one. Models
and embedding tables never change after they have a row, so they are copied after the database.
"""

from __future__ import annotations

import errno
import shutil
import sqlite3
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from core.engine.maintenance.referred_files import (
    ReferredFiles,
    referred_files,
    unfinished_checkpoints,
)
from core.engine.trials.scheduling import end_worker
from core.errors import HTransError
from core.files import replacing
from core.workspace import Workspace
from db.connection import Store
from db.corpora import delete_corpus, unfinished_corpora
from db.references import unfinished_trials
from db.workers import present_workers, remove_supervisor

FOLDER = "htrans-workspace"
"""The folder that a backup unpacks to."""

_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, slots=True)
class Backup:
    """Summary of a backup; `missing` are the missing files that rows refer to."""

    files: int
    bytes: int
    missing: tuple[str, ...]


def back_up(
    workspace: Workspace,
    target: Path,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Backup:
    """Write a copy of the workspace without logs. Atomic.

    In the copy, running trials are ready to resume and unfinished imports are deleted.

    Args:
        workspace: The workspace.
        target: The tar file; compressed if the name ends with .gz or .tgz.
        progress: Called with the number of copied files and their total.

    Raises:
        HTransError: The target exists or is in the workspace, or the disk is full.
    """
    _check(workspace, target)
    with _clear_errors(target), replacing(target) as archive, _scratch(target) as scratch:
        early = _keep_checkpoints(workspace, scratch)
        database = scratch / workspace.database.name
        _copy_database(workspace, database)
        with Store(database) as copy:
            _mark_stopped(copy)
            referred = referred_files(copy, workspace)
            checkpoints = _of_unfinished_trials(copy, early)
        files = {workspace.database: database, **_plan(workspace, referred), **checkpoints}
        with _open_archive(archive, target) as tar:
            absent = _add_all(tar, workspace, files, progress)
        missing = (path for path in absent if path in referred.needed)
        return Backup(
            len(files) - len(absent),
            archive.stat().st_size,
            tuple(str(path.relative_to(workspace.root)) for path in missing),
        )


def _check(workspace: Workspace, target: Path) -> None:
    if target.exists():
        raise HTransError(f"{target}: already exists; choose another name for the backup")
    if target.resolve().is_relative_to(workspace.root.resolve()):
        raise HTransError(f"{target}: is inside the workspace; choose another folder")


@contextmanager
def _scratch(target: Path) -> Iterator[Path]:
    """A temporary folder beside the target, on the same disk."""
    with TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder:
        yield Path(folder)


def _keep_checkpoints(workspace: Workspace, scratch: Path) -> dict[Path, Path]:
    """Copy the newest checkpoint of each unfinished trial; return the copies by original path."""
    with Store(workspace.database, read_only=True) as store:
        checkpoints = unfinished_checkpoints(store, workspace)
    copies: dict[Path, Path] = {}
    done: set[int] = set()
    for checkpoint in checkpoints:
        if checkpoint.trial_id in done:
            continue
        copy = scratch / f"{checkpoint.trial_id}.resume"
        with suppress(FileNotFoundError):
            shutil.copy2(checkpoint.path, copy)
            copies[checkpoint.path] = copy
            done.add(checkpoint.trial_id)
    return copies


def _copy_database(workspace: Workspace, path: Path) -> None:
    with (
        Store(workspace.database, read_only=True) as source,
        closing(sqlite3.connect(path)) as target,
    ):
        source.utils.conn.backup(target)


def _mark_stopped(copy: Store) -> None:
    """Mark every process in the copied database as ended and release its work."""
    with copy.write(durable=True):
        remove_supervisor(copy)
    for worker in present_workers(copy):
        end_worker(copy, worker.id, "the backup was taken", is_crash=False)
    for unfinished in unfinished_corpora(copy):
        delete_corpus(copy, unfinished.id)


def _of_unfinished_trials(copy: Store, early: dict[Path, Path]) -> dict[Path, Path]:
    """The copied checkpoints whose trial is unfinished in the copied database."""
    unfinished = {f"{trial.id}.resume" for trial in unfinished_trials(copy)}
    return {path: checkpoint for path, checkpoint in early.items() if checkpoint.name in unfinished}


def _plan(workspace: Workspace, referred: ReferredFiles) -> dict[Path, Path]:
    """Files to copy, embedding tables first, because training may remove some of them."""
    paths = referred.needed | referred.useful
    ordered = sorted(paths, key=lambda path: (path.parent != workspace.embeddings, path))
    return {path: path for path in ordered}


def _open_archive(archive: Path, target: Path) -> tarfile.TarFile:
    if target.suffix in (".gz", ".tgz"):
        return tarfile.open(archive, "w:gz")
    return tarfile.open(archive, "w")


def _add_all(
    tar: tarfile.TarFile,
    workspace: Workspace,
    files: dict[Path, Path],
    progress: Callable[[int, int], None],
) -> list[Path]:
    """Add files under their paths in the workspace; return the missing ones."""
    absent = []
    for done, (path, source) in enumerate(files.items()):
        progress(done, len(files))
        if not _add(tar, source, str(path.relative_to(workspace.root))):
            absent.append(path)
    progress(len(files), len(files))
    return absent


def _add(tar: tarfile.TarFile, source: Path, name: str) -> bool:
    """Add one version of a file, even if it is replaced meanwhile; False if it is missing."""
    try:
        file = source.open("rb")
    except FileNotFoundError:
        return False
    with file:
        member = tar.gettarinfo(arcname=f"{FOLDER}/{name}", fileobj=file)
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        tar.addfile(member, file)
    return True


@contextmanager
def _clear_errors(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SPACE:
            problem = "the disk is full; free some space or choose another disk"
        else:
            problem = f"{error.filename or target}: {error.strerror}; check its permissions"
        raise HTransError(f"{target}: the backup was not written: {problem}") from error
    except sqlite3.Error as error:
        raise HTransError(
            f"{target}: the backup was not written: the database could not be copied ({error}); "
            "free some space, then see: htrans-tui doctor"
        ) from error
