"""Copy a workspace into one tar file while training goes on.

The copy is of one moment, that of its database. Checkpoints are taken before it: a trial can go on
from a checkpoint that is older than its rows, as after a crash, but not from one that is newer.
Models and tables are never changed once they have a row, so they are taken after it.
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
    """What was copied; `missing` are files that rows refer to and that are not there."""

    files: int
    bytes: int
    missing: tuple[str, ...]


def back_up(
    workspace: Workspace,
    target: Path,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Backup:
    """Write a copy of the workspace to `target`, whole or not at all; logs are left out.

    It is compressed if the name ends with .gz or .tgz. In the copy no process is alive: what was
    running is ready to go on, and imports that had not ended are not there. Raises `HTransError`
    for a target that exists or lies in the workspace, and for a full disk.
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
        needed = (path for path in absent if path in referred.needed)
        return Backup(
            len(files) - len(absent),
            archive.stat().st_size,
            tuple(str(path.relative_to(workspace.root)) for path in needed),
        )


def _check(workspace: Workspace, target: Path) -> None:
    if target.exists():
        raise HTransError(f"{target}: exists already; choose another name for the backup")
    if target.resolve().is_relative_to(workspace.root.resolve()):
        raise HTransError(f"{target}: lies in the workspace; put the backup somewhere else")


@contextmanager
def _scratch(target: Path) -> Iterator[Path]:
    """A folder beside the target, on the disk that has room for it."""
    with TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder:
        yield Path(folder)


def _keep_checkpoints(workspace: Workspace, scratch: Path) -> dict[Path, Path]:
    """Copy the newest checkpoint of each unfinished trial; return where each is now."""
    with Store(workspace.database, read_only=True) as store:
        found = unfinished_checkpoints(store, workspace)
    kept: dict[Path, Path] = {}
    done: set[int] = set()
    for checkpoint in found:
        if checkpoint.trial_id in done:
            continue
        copy = scratch / f"{checkpoint.trial_id}.resume"
        with suppress(FileNotFoundError):
            shutil.copy2(checkpoint.path, copy)
            kept[checkpoint.path] = copy
            done.add(checkpoint.trial_id)
    return kept


def _copy_database(workspace: Workspace, path: Path) -> None:
    with (
        Store(workspace.database, read_only=True) as source,
        closing(sqlite3.connect(path)) as target,
    ):
        source.utils.conn.backup(target)


def _mark_stopped(copy: Store) -> None:
    """End every process in the copied database; what they held is ready for others."""
    with copy.write(durable=True):
        remove_supervisor(copy)
    for worker in present_workers(copy):
        end_worker(copy, worker.id, "the backup was taken", is_crash=False)
    for unfinished in unfinished_corpora(copy):
        delete_corpus(copy, unfinished.id)


def _of_unfinished_trials(copy: Store, early: dict[Path, Path]) -> dict[Path, Path]:
    """Those of the early checkpoints whose trial had not finished when the database was copied."""
    unfinished = {f"{trial.id}.resume" for trial in unfinished_trials(copy)}
    return {path: kept for path, kept in early.items() if kept.name in unfinished}


def _plan(workspace: Workspace, referred: ReferredFiles) -> dict[Path, Path]:
    """Files to copy from where they lie, embedding tables first: training may remove some."""
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
    """Add files under their names in the workspace; return those that are not there."""
    absent = []
    for done, (path, source) in enumerate(files.items()):
        progress(done, len(files))
        if not _add(tar, source, str(path.relative_to(workspace.root))):
            absent.append(path)
    progress(len(files), len(files))
    return absent


def _add(tar: tarfile.TarFile, source: Path, name: str) -> bool:
    """Add a file as it is now, even if it is replaced meanwhile; False if there is none."""
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
            problem = "there is no room for it; free some space or name another disk"
        else:
            problem = f"{error.filename or target}: {error.strerror}; check its permissions"
        raise HTransError(f"{target}: the backup was not written: {problem}") from error
    except sqlite3.Error as error:
        raise HTransError(
            f"{target}: the backup was not written: the database could not be copied ({error}); "
            "free some space, then see: htrans-tui doctor"
        ) from error
