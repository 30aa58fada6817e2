"""Full-text search over the documents of a corpus with SQLite's FTS5.

The index is built at the first search and can be deleted at any time. It is a separate file,
because building it in the database would block the workers.
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
    """The index file of a corpus."""
    return workspace.corpus(corpus_id) / SEARCH_FILE


def ensure_search_index(
    workspace: Workspace,
    corpus_id: int,
    progress: Progress = lambda _done, _total: None,
    stop: Callable[[], bool] = lambda: False,
) -> bool:
    """Build the index of a corpus unless it exists.

    Args:
        workspace: The workspace.
        corpus_id: Row id of the corpus.
        progress: Called with the number of indexed documents and their total.
        stop: Polled between chunks; True cancels.

    Returns:
        False if `stop` returned True.

    Raises:
        HTransError: SQLite was built without FTS5, or the file cannot be written.
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
    """Building the index was cancelled."""


def search(workspace: Workspace, corpus_id: int, text: str) -> npt.NDArray[np.int64]:
    """Search the documents of a corpus.

    Args:
        workspace: The workspace.
        corpus_id: Row id of the corpus.
        text: Prefixes of words that must all occur; double quotes enclose an exact phrase.

    Returns:
        Numbers of the matching documents, ascending.

    Raises:
        HTransError: There is no index, or it cannot be read.
    """
    query = fts_query(text)
    path = search_path(workspace, corpus_id)
    if not query:
        return np.zeros(0, dtype=np.int64)
    try:
        with closing(matching_documents(path, query)) as numbers:
            return np.fromiter(numbers, dtype=np.int64)
    except sqlite3.Error as error:
        raise HTransError(f"{path}: cannot be searched ({error}); remove it") from error


def fts_query(text: str) -> str:
    """Convert a search text to an FTS5 query without operators."""
    parts = []
    for match in _WORDS.finditer(without_surrogates(text).replace("\0", " ")):
        phrase, word = match.groups()
        term = phrase if phrase is not None else word.replace('"', "")
        if not any(map(str.isalnum, term)):
            continue
        parts.append(f'"{term}"' + ("" if phrase is not None else "*"))
    return " ".join(parts)
