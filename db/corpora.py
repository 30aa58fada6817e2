"""Corpora with their categories, documents and labels."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from core.corpus.taxonomy import Edge, Taxonomy
from core.errors import ConflictError, NotFoundError
from db.connection import Row, Store


@dataclass(frozen=True, slots=True)
class Corpus:
    """An imported corpus."""

    id: int
    name: str
    language: str
    documents: int
    train: int
    test: int
    categories: int
    levels: int
    max_words: int


_DELETE_BATCH = 20_000
"""Documents that are deleted in one transaction."""
_CORPUS = """
    SELECT c.id, c.name, c.language, c.documents, c.train, c.test, c.levels, c.max_words,
           (SELECT count(*) FROM categories k WHERE k.corpus_id = c.id) AS categories
    FROM corpora c WHERE c.state = 'ready'
"""


def _corpus(row: Row) -> Corpus:
    return Corpus(**{key: row[key] for key in row.keys()})  # noqa: SIM118


def list_corpora(store: Store) -> list[Corpus]:
    """All completely imported corpora, by name."""
    return [_corpus(row) for row in store.rows(f"{_CORPUS} ORDER BY c.name")]


def corpus_named(store: Store, name: str) -> Corpus:
    """The corpus with this name.

    Raises:
        NotFoundError: There is no such corpus. The message lists the existing ones.
    """
    row = store.row(f"{_CORPUS} AND c.name = ?", (name,))
    if row is None:
        names = [corpus.name for corpus in list_corpora(store)]
        known = f"the corpora are {', '.join(names)}" if names else "import one first"
        raise NotFoundError(f"there is no corpus {name!r}; {known}")
    return _corpus(row)


def corpus_with_id(store: Store, corpus_id: int) -> Corpus:
    """The corpus with this row id.

    Raises:
        NotFoundError: The corpus does not exist any more.
    """
    row = store.row(f"{_CORPUS} AND c.id = ?", (corpus_id,))
    if row is None:
        raise NotFoundError(f"corpus {corpus_id} does not exist any more")
    return _corpus(row)


def refuse_used_corpus_name(store: Store, name: str) -> None:
    """Raise `ConflictError` if a corpus of this name exists or is being imported."""
    if store.row("SELECT 1 FROM corpora WHERE name = ?", (name,)):
        raise ConflictError(f"corpus {name!r} already exists; choose another --name")


def begin_corpus(
    store: Store,
    name: str,
    language: str,
    format_name: str,
    taxonomy_source: str,
    max_words: int,
    importer: tuple[int, float],
    request: str = "",
) -> int:
    """Reserve a name and record the corpus as being imported; return its row id.

    Args:
        store: The database.
        name: Name of the corpus.
        language: Language code of the texts.
        format_name: Format of the source.
        taxonomy_source: Format of the taxonomy.
        max_words: Words of a document that are tokenised.
        importer: Pid and start time of the importing process.
        request: Fingerprint of the import; an import with the same fingerprint can resume it.

    Raises:
        ConflictError: The name is in use.
    """
    with store.write(durable=True):
        refuse_used_corpus_name(store, name)
        cursor = store.execute(
            "INSERT INTO corpora (name, language, format, taxonomy, state, max_words, "
            "importer_pid, importer_started, request, created_at) "
            "VALUES (?, ?, ?, ?, 'importing', ?, ?, ?, ?, ?)",
            (
                *(name, language, format_name, taxonomy_source, max_words),
                *(*importer, request, time.time()),
            ),
        )
        return int(cursor.lastrowid or 0)


def add_categories(store: Store, corpus_id: int, taxonomy: Taxonomy) -> dict[str, int]:
    """Store the categories of a taxonomy, inside a transaction; return row ids by category key."""
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
    """Store documents and labels, inside a transaction.

    Args:
        store: The database.
        corpus_id: Row id of the corpus.
        documents: (number, id, split, text) of each document.
        labels: (category row id, document number, 1 if assigned explicitly) of each label.
    """
    store.execute_many(
        "INSERT INTO documents (corpus_id, number, key, split, text) "
        f"VALUES ({int(corpus_id)}, ?, ?, ?, ?)",
        documents,
    )
    store.execute_many(
        "INSERT INTO document_categories (category_id, number, stated) VALUES (?, ?, ?)", labels
    )


def known_keys(store: Store, corpus_id: int, keys: Sequence[str]) -> set[str]:
    """The subset of `keys` that are ids of stored documents."""
    marks = ", ".join("?" * len(keys))
    rows = store.rows(
        f"SELECT key FROM documents WHERE corpus_id = ? AND key IN ({marks})", (corpus_id, *keys)
    )
    return {row["key"] for row in rows}


def document_keys(store: Store, corpus_id: int, split: str, indices: Sequence[int]) -> list[str]:
    """Ids of the documents at these indices of a split."""
    sql = (
        "SELECT key FROM documents WHERE corpus_id = ? AND split = ? "
        "ORDER BY number LIMIT 1 OFFSET ?"
    )
    rows = (store.row(sql, (corpus_id, split, index)) for index in indices)
    return [row["key"] for row in rows if row is not None]


def finish_corpus(store: Store, corpus_id: int, train: int, test: int, levels: int) -> None:
    """Mark an import as complete."""
    with store.write(durable=True):
        store.execute(
            "UPDATE corpora SET state = 'ready', documents = ?, train = ?, test = ?, levels = ?, "
            "importer_pid = NULL, importer_started = NULL, progress = NULL WHERE id = ?",
            (train + test, train, test, levels, corpus_id),
        )


@dataclass(frozen=True, slots=True)
class UnfinishedCorpus:
    """A corpus whose import has not ended; `progress` is the last value of `record_progress`."""

    id: int
    name: str
    importer: tuple[int, float]
    request: str
    progress: str | None


def unfinished_corpora(store: Store) -> list[UnfinishedCorpus]:
    """The corpora whose import is running or was killed."""
    rows = store.rows("SELECT * FROM corpora WHERE state = 'importing' ORDER BY name")
    return [
        UnfinishedCorpus(
            row["id"],
            row["name"],
            (row["importer_pid"], row["importer_started"]),
            row["request"] or "",
            row["progress"],
        )
        for row in rows
    ]


def take_over_import(
    store: Store, unfinished: UnfinishedCorpus, importer: tuple[int, float]
) -> bool:
    """Assign a killed import to this process; False if another process was faster."""
    with store.write(durable=True):
        cursor = store.execute(
            "UPDATE corpora SET importer_pid = ?, importer_started = ? "
            "WHERE id = ? AND importer_pid = ? AND importer_started = ? AND state = 'importing'",
            (*importer, unfinished.id, *unfinished.importer),
        )
        return cursor.rowcount == 1


def record_progress(store: Store, corpus_id: int, progress: str) -> None:
    """Record the progress of an import, inside the transaction that writes its documents."""
    store.execute("UPDATE corpora SET progress = ? WHERE id = ?", (progress, corpus_id))


def category_rows(store: Store, corpus_id: int) -> dict[str, int]:
    """Row ids by category key."""
    rows = store.rows("SELECT id, key FROM categories WHERE corpus_id = ?", (corpus_id,))
    return {row["key"]: row["id"] for row in rows}


def retire_corpus(store: Store, corpus_id: int) -> None:
    """Mark a corpus as a killed import, so that nothing uses it any more.

    Raises:
        ConflictError: Runs were trained on the corpus.
    """
    with store.write(durable=True):
        runs = store.rows("SELECT name FROM runs WHERE corpus_id = ? ORDER BY name", (corpus_id,))
        if runs:
            names = ", ".join(row["name"] for row in runs[:5])
            raise ConflictError(
                f"runs were trained on it ({len(runs)}: {names}); delete them first"
            )
        store.execute(
            "UPDATE corpora SET state = 'importing', importer_pid = 0, importer_started = 0, "
            "request = '', progress = NULL WHERE id = ?",
            (corpus_id,),
        )


def delete_corpus(store: Store, corpus_id: int) -> None:
    """Delete a corpus with all its rows.

    Rows are deleted in batches so that other processes can write in between. An interrupted
    deletion leaves the corpus marked as a killed import.

    Raises:
        ConflictError: Runs were trained on the corpus.
    """
    retire_corpus(store, corpus_id)
    documents = "DELETE FROM documents WHERE corpus_id = ? AND number >= ? AND number < ?"
    labels = "DELETE FROM document_categories WHERE category_id = ?"
    last = store.row("SELECT max(number) AS n FROM documents WHERE corpus_id = ?", (corpus_id,))
    for start in range(0, (last["n"] or 0) + 1 if last is not None else 0, _DELETE_BATCH):
        with store.write():
            store.execute(documents, (corpus_id, start, start + _DELETE_BATCH))
    for row in store.rows("SELECT id FROM categories WHERE corpus_id = ?", (corpus_id,)):
        with store.write():
            store.execute(labels, (row["id"],))
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
    """Numbers of the documents of all splits in a category, ascending."""
    rows = store.rows(
        "SELECT number FROM document_categories WHERE category_id = ? ORDER BY number",
        (category_row,),
    )
    return [row["number"] for row in rows]


def training_positives(store: Store, corpus_id: int) -> dict[str, int]:
    """Number of training documents by category key; categories without any are absent."""
    rows = store.rows(
        "SELECT c.key, count(*) AS positives FROM categories c "
        "JOIN document_categories l ON l.category_id = c.id "
        "JOIN documents d ON d.corpus_id = c.corpus_id AND d.number = l.number "
        "WHERE c.corpus_id = ? AND d.split = 'train' GROUP BY c.id",
        (corpus_id,),
    )
    return {row["key"]: row["positives"] for row in rows}


def texts(store: Store, corpus_id: int) -> Iterable[str]:
    """The texts of all documents, by document number."""
    cursor = store.execute(
        "SELECT text FROM documents WHERE corpus_id = ? ORDER BY number", (corpus_id,)
    )
    return (row["text"] for row in cursor)


def documents_between(
    store: Store, corpus_id: int, start: int, end: int
) -> list[tuple[int, str, str, str]]:
    """(number, id, split, text) of the documents with numbers in [`start`, `end`)."""
    rows = store.rows(
        "SELECT number, key, split, text FROM documents "
        "WHERE corpus_id = ? AND number >= ? AND number < ? ORDER BY number",
        (corpus_id, start, end),
    )
    return [(row["number"], row["key"], row["split"], row["text"]) for row in rows]


def explicit_labels_between(
    store: Store, corpus_id: int, start: int, end: int
) -> dict[int, list[str]]:
    """Explicit labels of the documents with numbers in [`start`, `end`), by document number.

    Labels are in taxonomy order and exclude propagated ancestors. Documents without labels are
    absent.
    """
    rows = store.rows(
        "SELECT l.number, c.key FROM categories c CROSS JOIN document_categories l "
        "WHERE c.corpus_id = ? AND l.category_id = c.id AND l.number >= ? AND l.number < ? "
        "AND l.stated ORDER BY c.position",
        (corpus_id, start, end),
    )
    labels: dict[int, list[str]] = {}
    for row in rows:
        labels.setdefault(row["number"], []).append(row["key"])
    return labels


def document_text(store: Store, corpus_id: int, number: int) -> tuple[str, str]:
    """Id and text of a document.

    Raises:
        NotFoundError: The corpus does not exist any more.
    """
    row = store.row(
        "SELECT key, text FROM documents WHERE corpus_id = ? AND number = ?", (corpus_id, number)
    )
    if row is None:
        raise NotFoundError(f"document {number} does not exist any more")
    return row["key"], row["text"]


def corpus_ids(store: Store) -> list[int]:
    """Row ids of all corpora, including unfinished imports."""
    return [row["id"] for row in store.rows("SELECT id FROM corpora")]


def category_ids(store: Store, corpus_id: int) -> list[int]:
    """Row ids of the categories of a corpus, ascending."""
    rows = store.rows("SELECT id FROM categories WHERE corpus_id = ? ORDER BY id", (corpus_id,))
    return [row["id"] for row in rows]


def iter_positives(store: Store, category_row: int) -> Iterator[int]:
    """Iterate over the numbers that `positive_numbers` returns."""
    cursor = store.execute(
        "SELECT number FROM document_categories WHERE category_id = ? ORDER BY number",
        (category_row,),
    )
    return (number for (number,) in cursor)


def document_labels(store: Store, corpus_id: int, number: int) -> set[str]:
    """Keys of a document's categories, including ancestors."""
    rows = store.rows(
        "SELECT c.key FROM categories c JOIN document_categories l ON l.category_id = c.id "
        "WHERE c.corpus_id = ? AND l.number = ?",
        (corpus_id, number),
    )
    return {row["key"] for row in rows}


def sample_texts(store: Store, corpus_id: int, count: int) -> list[str]:
    """The first `count` texts of a corpus; test documents come before training documents."""
    rows = store.rows(
        "SELECT text FROM documents WHERE corpus_id = ? ORDER BY split = 'train', number LIMIT ?",
        (corpus_id, count),
    )
    return [row["text"] for row in rows]
