"""Corpora with their categories, documents and labels."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.errors import ConflictError, NotFoundError
from core.taxonomy import Edge, Taxonomy
from db.connection import Row, Store


@dataclass(frozen=True, slots=True)
class Corpus:
    """A corpus that has been imported."""

    id: int
    name: str
    language: str
    documents: int
    train: int
    test: int
    categories: int
    levels: int
    max_words: int


_CORPUS = """
    SELECT c.id, c.name, c.language, c.documents, c.train, c.test, c.levels, c.max_words,
           (SELECT count(*) FROM categories k WHERE k.corpus_id = c.id) AS categories
    FROM corpora c WHERE c.state = 'ready'
"""


def _corpus(row: Row) -> Corpus:
    return Corpus(**{key: row[key] for key in row.keys()})  # noqa: SIM118


def list_corpora(store: Store) -> list[Corpus]:
    """All corpora that are ready, by name."""
    return [_corpus(row) for row in store.rows(f"{_CORPUS} ORDER BY c.name")]


def corpus_named(store: Store, name: str) -> Corpus:
    """The corpus of that name; raise `NotFoundError` naming those there are."""
    row = store.row(f"{_CORPUS} AND c.name = ?", (name,))
    if row is None:
        names = [corpus.name for corpus in list_corpora(store)]
        known = f"there are {', '.join(names)}" if names else "import one first"
        raise NotFoundError(f"there is no corpus {name!r}; {known}")
    return _corpus(row)


def corpus_with_id(store: Store, corpus_id: int) -> Corpus:
    """The corpus of a run."""
    row = store.row(f"{_CORPUS} AND c.id = ?", (corpus_id,))
    if row is None:
        raise NotFoundError(f"the corpus with the number {corpus_id} is gone")
    return _corpus(row)


def begin_corpus(
    store: Store,
    name: str,
    language: str,
    format_name: str,
    taxonomy_source: str,
    max_words: int,
    importer: tuple[int, float],
) -> int:
    """Reserve a name for a corpus that `importer` (pid, start time) is importing; return its id."""
    with store.write(durable=True):
        if store.row("SELECT 1 FROM corpora WHERE name = ?", (name,)):
            raise ConflictError(f"there is a corpus {name!r} already; choose another --name")
        cursor = store.execute(
            "INSERT INTO corpora (name, language, format, taxonomy, state, max_words, "
            "importer_pid, importer_started, created_at) "
            "VALUES (?, ?, ?, ?, 'importing', ?, ?, ?, ?)",
            (name, language, format_name, taxonomy_source, max_words, *importer, time.time()),
        )
        return int(cursor.lastrowid or 0)


def add_categories(store: Store, corpus_id: int, taxonomy: Taxonomy) -> dict[str, int]:
    """Store the categories of a taxonomy, inside a transaction; return row id by category id."""
    ids: dict[str, int] = {}
    heights = taxonomy.heights
    for position, category in enumerate(taxonomy):
        cursor = store.execute(
            "INSERT INTO categories (corpus_id, key, name, parent_id, level, position, height) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                corpus_id,
                category.id,
                category.name,
                ids[category.parent] if category.parent is not None else None,
                category.level,
                position,
                heights[category.id],
            ),
        )
        ids[category.id] = int(cursor.lastrowid or 0)
    return ids


def add_documents(
    store: Store,
    corpus_id: int,
    documents: Sequence[tuple[int, str, str, str]],
    labels: Sequence[tuple[int, int, int]],
) -> None:
    """Store documents (number, id, split, text) and labels (category row, number, stated)."""
    store.execute_many(
        "INSERT INTO documents (corpus_id, number, key, split, text) "
        f"VALUES ({int(corpus_id)}, ?, ?, ?, ?)",
        documents,
    )
    store.execute_many(
        "INSERT INTO document_categories (category_id, number, stated) VALUES (?, ?, ?)", labels
    )


def known_keys(store: Store, corpus_id: int, keys: Sequence[str]) -> set[str]:
    """Those of `keys` that are ids of documents of the corpus already."""
    marks = ", ".join("?" * len(keys))
    rows = store.rows(
        f"SELECT key FROM documents WHERE corpus_id = ? AND key IN ({marks})", (corpus_id, *keys)
    )
    return {row["key"] for row in rows}


def finish_corpus(store: Store, corpus_id: int, train: int, test: int, levels: int) -> None:
    """Make an imported corpus ready."""
    with store.write(durable=True):
        store.execute(
            "UPDATE corpora SET state = 'ready', documents = ?, train = ?, test = ?, levels = ?, "
            "importer_pid = NULL, importer_started = NULL WHERE id = ?",
            (train + test, train, test, levels, corpus_id),
        )


def unfinished_corpora(store: Store) -> list[tuple[int, str, int, float]]:
    """(id, name, importer's pid, its start time) of corpora whose import has not ended."""
    rows = store.rows("SELECT * FROM corpora WHERE state = 'importing'")
    return [(r["id"], r["name"], r["importer_pid"], r["importer_started"]) for r in rows]


def delete_corpus(store: Store, corpus_id: int) -> None:
    """Remove a corpus with all its rows."""
    with store.write(durable=True):
        store.execute("UPDATE categories SET parent_id = NULL WHERE corpus_id = ?", (corpus_id,))
        store.execute("DELETE FROM corpora WHERE id = ?", (corpus_id,))


def taxonomy_of(store: Store, corpus_id: int) -> Taxonomy:
    """The taxonomy of a corpus."""
    rows = store.rows(
        "SELECT c.key, c.name, p.key AS parent FROM categories c "
        "LEFT JOIN categories p ON p.id = c.parent_id WHERE c.corpus_id = ? ORDER BY c.position",
        (corpus_id,),
    )
    return Taxonomy((Edge(row["key"], row["parent"], row["name"]) for row in rows), "the corpus")


def document_numbers(store: Store, corpus_id: int, split: str) -> list[int]:
    """Numbers of the documents of a split, ascending."""
    rows = store.rows(
        "SELECT number FROM documents WHERE corpus_id = ? AND split = ? ORDER BY number",
        (corpus_id, split),
    )
    return [row["number"] for row in rows]


def positive_numbers(store: Store, category_row: int) -> list[int]:
    """Numbers of the documents in a category, whatever their split, ascending."""
    rows = store.rows(
        "SELECT number FROM document_categories WHERE category_id = ? ORDER BY number",
        (category_row,),
    )
    return [row["number"] for row in rows]


def training_positives(store: Store, corpus_id: int) -> dict[str, int]:
    """Training documents in each category that has any, by category id."""
    rows = store.rows(
        "SELECT c.key, count(*) AS positives FROM categories c "
        "JOIN document_categories l ON l.category_id = c.id "
        "JOIN documents d ON d.corpus_id = c.corpus_id AND d.number = l.number "
        "WHERE c.corpus_id = ? AND d.split = 'train' GROUP BY c.id",
        (corpus_id,),
    )
    return {row["key"]: row["positives"] for row in rows}


def texts(store: Store, corpus_id: int) -> Iterable[str]:
    """The texts of all documents in the order of their numbers."""
    cursor = store.execute(
        "SELECT text FROM documents WHERE corpus_id = ? ORDER BY number", (corpus_id,)
    )
    return (row["text"] for row in cursor)


def document_text(store: Store, corpus_id: int, number: int) -> tuple[str, str]:
    """Id and text of a document; raise `NotFoundError` if there is none of that number."""
    row = store.row(
        "SELECT key, text FROM documents WHERE corpus_id = ? AND number = ?", (corpus_id, number)
    )
    if row is None:
        raise NotFoundError(f"the document with the number {number} is gone")
    return row["key"], row["text"]
