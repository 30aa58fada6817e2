"""Full-text search over the documents of a corpus: SQLite's FTS5, in a file beside the tokens.

The index is made at the first search. It holds no text, can be removed at any time, and is not in
the database, whose lock a long write would hold against the workers.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.errors import HTransError
from core.files import replacing
from core.progress import Progress
from core.text.plain_text import without_surrogates
from core.workspace import Workspace
from db.search_index import create_index, matching_documents

SEARCH_FILE = "search.db"
_WORDS = re.compile(r'"([^"]*)"|(\S+)')


def search_path(workspace: Workspace, corpus_id: int) -> Path:
    """Where the index of a corpus lies."""
    return workspace.corpus(corpus_id) / SEARCH_FILE


def ensure_search_index(
    workspace: Workspace,
    corpus_id: int,
    progress: Progress = lambda _done, _total: None,
    stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Index the texts of a corpus, unless they are; False if `stop` said so before the end.

    Raises `HTransError` where SQLite was built without FTS5, or the disk does not allow it.
    """
    path = search_path(workspace, corpus_id)
    if path.exists():
        return True
    try:
        with replacing(path) as temporary:
            temporary.unlink(missing_ok=True)
            if not create_index(temporary, workspace.database, corpus_id, progress, stop):
                raise _StoppedError
    except _StoppedError:
        return False
    except sqlite3.Error as error:
        raise HTransError(f"{path}: the texts cannot be indexed ({error})") from error
    except OSError as error:
        raise HTransError(f"{path}: cannot be written ({error.strerror})") from error
    return True


class _StoppedError(Exception):
    """The index was not wanted any longer."""


def search(workspace: Workspace, corpus_id: int, asked: str) -> npt.NDArray[np.int64]:
    """Numbers of the documents with words that begin with all those asked for, ascending.

    Words in double quotes are whole and stand in that order. Raises `HTransError` without an index.
    """
    query = fts_query(asked)
    path = search_path(workspace, corpus_id)
    if not query:
        return np.zeros(0, dtype=np.int64)
    try:
        with closing(matching_documents(path, query)) as numbers:
            return np.fromiter(numbers, dtype=np.int64)
    except sqlite3.Error as error:
        raise HTransError(f"{path}: cannot be searched ({error}); remove it") from error


def fts_query(asked: str) -> str:
    """What was asked for in FTS5's language: nothing in it is read as an operator."""
    parts = []
    for match in _WORDS.finditer(without_surrogates(asked).replace("\0", " ")):
        phrase, word = match.groups()
        text = phrase if phrase is not None else word.replace('"', "")
        if not any(map(str.isalnum, text)):
            continue
        parts.append(f'"{text}"' + ("" if phrase is not None else "*"))
    return " ".join(parts)
