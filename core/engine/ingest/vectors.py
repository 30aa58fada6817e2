"""Add word vectors to the workspace."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.engine.host.identity import is_alive, own_identity, start_time
from core.errors import HTransError
from core.formats.vectors import format_named, guess_format, read_vectors
from core.text.plain_text import without_surrogates
from core.text.vectors import store_vectors
from core.workspace import Workspace
from db.connection import Store
from db.vectors import Vectors, add_vectors, refuse_used_name, vectors_named

_PARTIAL = re.compile(r"\.partial-(\d{1,18})")
_OWNER = "owner"
"""File beside unfinished arrays with the pid and start time of the writing process."""


@dataclass(frozen=True, slots=True)
class AddedVectors:
    """Added word vectors, their format, and the number of words that are not lower-case."""

    vectors: Vectors
    format: str
    cased: int


def add_vectors_file(
    store: Store,
    workspace: Workspace,
    source: str,
    name: str,
    *,
    format_name: str | None = None,
    dimensions: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> AddedVectors:
    """Store the word vectors of a file, folder or package. Atomic.

    Args:
        store: The database.
        workspace: The workspace.
        source: File, folder or package.
        name: Name of the vectors in the workspace.
        format_name: Format of the source; None to detect it.
        dimensions: Selects a table if the source contains several.
        progress: Called with the number of words written.

    Raises:
        ConflictError: The name is in use.
        HTransError: The source cannot be read.
    """
    if not name.strip() or not name.isprintable():
        raise HTransError("--name: give the vectors a name of printable characters")
    refuse_used_name(store, name)
    _remove_abandoned(workspace)
    format_ = format_named(format_name) if format_name else guess_format(source)
    temporary = workspace.root / "vectors" / f".partial-{os.getpid()}"
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        owner = temporary / _OWNER
        owner.write_text(json.dumps(own_identity()))
        pairs = read_vectors(source, format_.name, dimensions=dimensions)
        stored = store_vectors(pairs, temporary, progress)

        def move_files(vectors_id: int) -> None:
            folder = workspace.vectors(vectors_id)
            shutil.rmtree(folder, ignore_errors=True)
            owner.unlink()
            temporary.rename(folder)

        origin = f"{without_surrogates(Path(source).absolute().name)} ({format_.name})"
        add_vectors(store, name, origin, stored.words, stored.dimensions, move_files)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return AddedVectors(vectors_named(store, name), format_.name, stored.cased)


def _remove_abandoned(workspace: Workspace) -> None:
    for folder in (workspace.root / "vectors").glob(".partial-*"):
        match = _PARTIAL.fullmatch(folder.name)
        if match and not _is_written(folder, int(match[1])):
            shutil.rmtree(folder, ignore_errors=True)


def _is_written(folder: Path, pid: int) -> bool:
    """Whether the process that writes the folder is running."""
    try:
        pid, started = json.loads((folder / _OWNER).read_text())
        return is_alive(int(pid), float(started))
    except (OSError, ValueError, TypeError):
        # The process has not written the file yet, or was killed before.
        return start_time(pid) is not None
