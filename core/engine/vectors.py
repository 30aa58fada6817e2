"""Bring word vectors into the workspace."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from core.vectors import read_glove, store_vectors
from core.workspace import Workspace
from db.connection import Store
from db.vectors import Vectors, add_vectors, refuse_used_name, vectors_named


def add_glove(
    store: Store,
    workspace: Workspace,
    path: Path,
    name: str,
    progress: Callable[[int], None] = lambda _: None,
) -> Vectors:
    """Store the word vectors of a GloVe text file under a name, whole or not at all."""
    refuse_used_name(store, name)
    temporary = workspace.root / "vectors" / f".partial-{os.getpid()}"
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        words, dimensions = store_vectors(read_glove(path), temporary, progress)

        def put_in_place(vectors_id: int) -> None:
            folder = workspace.vectors(vectors_id)
            shutil.rmtree(folder, ignore_errors=True)
            temporary.rename(folder)

        add_vectors(store, name, str(path.name), words, dimensions, put_in_place)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return vectors_named(store, name)
