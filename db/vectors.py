"""Tables of word vectors."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from core.errors import ConflictError, NotFoundError
from db.connection import Store


@dataclass(frozen=True, slots=True)
class Vectors:
    """Word vectors that have been added to the workspace."""

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
    """The word vectors of that name; raise `NotFoundError` naming those there are."""
    every = list_vectors(store)
    for vectors in every:
        if vectors.name == name:
            return vectors
    known = (
        f"there are {', '.join(v.name for v in every)}"
        if every
        else "add some with: htrans-tui vectors add FILE --name NAME"
    )
    raise NotFoundError(f"there are no vectors {name!r}; {known}")


def vectors_with_id(store: Store, vectors_id: int) -> Vectors:
    """The word vectors of a run."""
    row = store.row(
        "SELECT id, name, source, words, dimensions FROM vectors WHERE id = ?", (vectors_id,)
    )
    if row is None:
        raise NotFoundError(f"the vectors with the number {vectors_id} are gone")
    return Vectors(*row)


def refuse_used_name(store: Store, name: str) -> None:
    """Raise `ConflictError` if there are vectors of that name."""
    if store.row("SELECT 1 FROM vectors WHERE name = ?", (name,)):
        raise ConflictError(f"there are vectors {name!r} already; choose another --name")


def add_vectors(
    store: Store,
    name: str,
    source: str,
    words: int,
    dimensions: int,
    put_in_place: Callable[[int], None],
) -> None:
    """Record word vectors; `put_in_place` moves their files to where the new id says."""
    with store.write(durable=True):
        refuse_used_name(store, name)
        cursor = store.execute(
            "INSERT INTO vectors (name, source, words, dimensions, created_at) "
            "VALUES (?, ?, ?, ?, ?)",
            (name, source, words, dimensions, time.time()),
        )
        put_in_place(int(cursor.lastrowid or 0))


def vectors_ids(store: Store) -> list[int]:
    """Row ids of all word vectors."""
    return [row["id"] for row in store.rows("SELECT id FROM vectors")]
