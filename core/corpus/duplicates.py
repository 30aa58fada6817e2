"""Documents with the same text, found by a hash of eight bytes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

WITHOUT_TEXT = 0
"""The hash of a document without a word."""

Hashes = npt.NDArray[np.int64]


def text_hash(text: str) -> int:
    """A hash of a text that ignores case and white space; signed, 64 bits."""
    normal = " ".join(text.casefold().split())
    if not normal:
        return WITHOUT_TEXT
    digest = hashlib.blake2b(normal.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True) or 1


@dataclass(frozen=True, slots=True)
class Duplicates:
    """How many documents have a text that stands before.

    `within_train` and `within_test` repeat a text of their own split. `across` holds the places
    among the test documents of those whose text a training document has too.
    """

    within_train: int
    within_test: int
    across: npt.NDArray[np.int64]
    without_text: int


def count_duplicates(train: Hashes, test: Hashes) -> Duplicates:
    """Compare the hashes of the training documents with those of the test documents."""
    empty = int((train == WITHOUT_TEXT).sum() + (test == WITHOUT_TEXT).sum())
    some = np.unique(train[train != WITHOUT_TEXT])
    words = test[test != WITHOUT_TEXT]
    return Duplicates(
        within_train=int((train != WITHOUT_TEXT).sum()) - len(some),
        within_test=len(words) - len(np.unique(words)),
        across=np.flatnonzero(np.isin(test, some)),
        without_text=empty,
    )
