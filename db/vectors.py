"""Word vectors of a workspace."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from core.errors import ConflictError, NotFoundError
from db.connection import Store


@dataclass(frozen=True, slots=True)
class Vectors:
    """A table of word vectors."""

    id: int
    name: str
    source: str
    words: int
    dimensions: int


def list_vectors(store: Store) -> list[Vectors]:
    """All word vectors, by name."""
    rows = store.rows("SELECT id, name, source, words, dimensions FROM vectors ORDER BY name")
    return [Vectors(*row) for row in rows]


def vectors_named(store: Store, name: str) -> Vectors:
    """The word vectors with this name.

    Raises:
        NotFoundError: There are no such vectors. The message lists the existing ones.
    """
    all_vectors = list_vectors(store)
    for vectors in all_vectors:
        if vectors.name == name:
            return vectors
    known = (
        f"the vectors are {', '.join(v.name for v in all_vectors)}"
        if all_vectors
        else "add some with: htrans-tui vectors add FILE --name NAME"
    )
    raise NotFoundError(f"there are no vectors {name!r}; {known}")


def vectors_with_id(store: Store, vectors_id: int) -> Vectors:
    """The word vectors with this row id.

    Raises:
        NotFoundError: The vectors do not exist any more.
    """
    row = store.row(
        "SELECT id, name, source, words, dimensions FROM vectors WHERE id = ?", (vectors_id,)
    )
    if row is None:
        raise NotFoundError(f"vectors {vectors_id} do not exist any more")
    return Vectors(*row)


def refuse_used_name(store: Store, name: str) -> None:
    """Raise `ConflictError` if vectors of this name exist."""
    if store.row("SELECT 1 FROM vectors WHERE name = ?", (name,)):
        raise ConflictError(f"vectors {name!r} already exist; choose another --name")


def add_vectors(
    store: Store,
    name: str,
    source: str,
    words: int,
    dimensions: int,
    move_files: Callable[[int], None],
) -> None:
    """Record word vectors; `move_files` moves their files to the folder of the new row id.

    Raises:
        ConflictError: The name is in use.
    """
    with store.write(durable=True):
        refuse_used_name(store, name)
        cursor = store.execute(
            "INSERT INTO vectors (name, source, words, dimensions, created_at) "
            "VALUES (?, ?, ?, ?, ?)",
            (name, source, words, dimensions, time.time()),
        )
        move_files(int(cursor.lastrowid or 0))


def vectors_ids(store: Store) -> list[int]:
    """Row ids of all word vectors."""
    return [row["id"] for row in store.rows("SELECT id FROM vectors")]
