"""The full-text index of a corpus: an FTS5 table in a separate SQLite file.

The functions raise `sqlite3.Error` if SQLite lacks FTS5 or a file cannot be read or written.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from core.progress import Progress

_CHUNK = 5000


def create_index(
    path: Path, database: Path, corpus_id: int, progress: Progress, stop: Callable[[], bool]
) -> bool:
    """Index the texts of a corpus in a new file.

    Args:
        path: The file to create.
        database: The database of the workspace.
        corpus_id: Row id of the corpus.
        progress: Called with the number of indexed documents and their total.
        stop: Called before each chunk; the function stops if it returns True.

    Returns:
        False if `stop` returned True.
    """
    source = f"file:{quote(str(database.absolute()))}?mode=ro"
    with closing(sqlite3.connect(f"file:{quote(str(path))}", uri=True)) as connection:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")  # the caller syncs the whole file
        connection.execute("ATTACH ? AS source", (source,))
        connection.execute(
            "CREATE VIRTUAL TABLE texts USING fts5 (text, content = '', columnsize = 0, "
            "tokenize = 'unicode61 remove_diacritics 2')"
        )
        (last,) = connection.execute(
            "SELECT coalesce(max(number), -1) FROM source.documents WHERE corpus_id = ?",
            (corpus_id,),
        ).fetchone()
        for start in range(0, last + 1, _CHUNK):
            if stop():
                return False
            progress(start, last + 1)
            connection.execute(
                "INSERT INTO texts (rowid, text) SELECT number, text FROM source.documents "
                "WHERE corpus_id = ? AND number >= ? AND number < ?",
                (corpus_id, start, start + _CHUNK),
            )
            connection.commit()
        progress(last + 1, last + 1)
    return True


def matching_documents(path: Path, query: str) -> Generator[int, None, None]:
    """Numbers of the documents that match an FTS5 query, ascending."""
    uri = f"file:{quote(str(path.absolute()))}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        rows = connection.execute(
            "SELECT rowid FROM texts WHERE texts MATCH ? ORDER BY rowid", (query,)
        )
        for (number,) in rows:
            yield number
