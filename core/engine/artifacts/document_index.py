"""The splits and labels of a corpus as memory-mapped arrays.

The database holds the same data, but reading hundreds of thousands of rows takes seconds. An
imported corpus never changes, so the arrays are written once.

index/test.npy, train.npy   document numbers of a split, ascending
index/labels.npy            document numbers of all categories, concatenated
index/ends.npy              (categories, 2): row id of a category, end of its numbers in labels.npy
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
    """The folder of a corpus's arrays."""
    return workspace.corpus(corpus_id) / "index"


def ensure_index(store: Store, workspace: Workspace, corpus_id: int) -> None:
    """Write the arrays of a corpus unless they exist."""
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
    # Written last: its existence means that all arrays are complete.
    _save(folder / "ends.npy", np.asarray(ends, dtype=np.int64).reshape(-1, 2))


@dataclass(frozen=True, slots=True)
class DocumentIndex:
    """The arrays of one corpus."""

    train: Numbers
    test: Numbers
    labels: Numbers
    ends: Numbers

    def positives(self, category_row: int) -> Numbers:
        """Numbers of the documents of all splits in a category, ascending."""
        index = int(np.searchsorted(self.ends[:, 0], category_row))
        if index == len(self.ends) or self.ends[index, 0] != category_row:
            return np.zeros(0, dtype=np.int64)
        start = int(self.ends[index - 1, 1]) if index else 0
        return self.labels[start : int(self.ends[index, 1])]


def open_index(workspace: Workspace, corpus_id: int) -> DocumentIndex | None:
    """The arrays of a corpus, or None if `ensure_index` has not written them."""
    return _open(index_folder(workspace, corpus_id))


def _open(folder: Path) -> DocumentIndex | None:
    try:
        train, test, labels, ends = (
            np.load(folder / name, mmap_mode="r", allow_pickle=False) for name in INDEX_FILES
        )
    except (OSError, ValueError, EOFError):
        return None
    is_valid = ends.ndim == 2 and (not len(ends) or int(ends[-1, 1]) == len(labels))
    return DocumentIndex(train, test, labels, ends) if is_valid else None


def _save(path: Path, numbers: Numbers) -> None:
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, numbers)
