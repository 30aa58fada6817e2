"""Which documents are in which split and category, as memory-mapped arrays beside the tokens.

The database has the same, but hundreds of thousands of rows of it take seconds to read. A corpus
never changes once it is imported, so the arrays are made once.

index/test.npy, train.npy   numbers of the documents of a split, ascending
index/labels.npy            numbers of the documents in each category, one category after another
index/ends.npy              (categories, 2): database row of a category, where its numbers end
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.files import replacing
from core.workspace import Workspace
from db.connection import Store
from db.corpora import category_ids, document_numbers, iter_positives

INDEX_FILES = ("train.npy", "test.npy", "labels.npy", "ends.npy")

Numbers = npt.NDArray[np.int64]


def index_folder(workspace: Workspace, corpus_id: int) -> Path:
    """Where the arrays of a corpus lie."""
    return workspace.corpus(corpus_id) / "index"


def ensure_index(store: Store, workspace: Workspace, corpus_id: int) -> None:
    """Make the arrays of a corpus that has none yet."""
    folder = index_folder(workspace, corpus_id)
    if _open(folder) is not None:
        return
    for split in ("train", "test"):
        numbers = np.asarray(document_numbers(store, corpus_id, split), dtype=np.int64)
        _save(folder / f"{split}.npy", numbers)
    ends: list[tuple[int, int]] = []
    parts: list[Numbers] = []
    end = 0
    for category_id in category_ids(store, corpus_id):
        numbers = np.fromiter(iter_positives(store, category_id), dtype=np.int64)
        end += len(numbers)
        parts.append(numbers)
        ends.append((category_id, end))
    labels = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
    _save(folder / "labels.npy", labels)
    # Last, so that it is there only when all are.
    _save(folder / "ends.npy", np.asarray(ends, dtype=np.int64).reshape(-1, 2))


@dataclass(frozen=True, slots=True)
class DocumentIndex:
    """The arrays of one corpus."""

    train: Numbers
    test: Numbers
    labels: Numbers
    ends: Numbers

    def positives(self, category_row: int) -> Numbers:
        """Numbers of the documents in a category, whatever their split, ascending."""
        place = int(np.searchsorted(self.ends[:, 0], category_row))
        if place == len(self.ends) or self.ends[place, 0] != category_row:
            return np.zeros(0, dtype=np.int64)
        start = int(self.ends[place - 1, 1]) if place else 0
        return self.labels[start : int(self.ends[place, 1])]


def open_index(workspace: Workspace, corpus_id: int) -> DocumentIndex | None:
    """The arrays, or None if they are not there (`ensure_index` makes them)."""
    return _open(index_folder(workspace, corpus_id))


def _open(folder: Path) -> DocumentIndex | None:
    try:
        train, test, labels, ends = (
            np.load(folder / name, mmap_mode="r", allow_pickle=False) for name in INDEX_FILES
        )
    except (OSError, ValueError, EOFError):
        return None
    whole = ends.ndim == 2 and (not len(ends) or int(ends[-1, 1]) == len(labels))
    return DocumentIndex(train, test, labels, ends) if whole else None


def _save(path: Path, numbers: Numbers) -> None:
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, numbers)
