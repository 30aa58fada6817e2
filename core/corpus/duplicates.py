"""Duplicate detection by a 64-bit hash of the text."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

WITHOUT_TEXT = 0
"""Hash of a document without text."""

Hashes = npt.NDArray[np.int64]


def text_hash(text: str) -> int:
    """Signed 64-bit hash of a text, ignoring case and white space."""
    normal = " ".join(text.casefold().split())
    if not normal:
        return WITHOUT_TEXT
    digest = hashlib.blake2b(normal.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True) or 1


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Duplicate documents of a corpus.

    `within_train` and `within_test` count documents whose text occurs earlier in the same split.
    `across` are indices of test documents whose text also occurs in the training split.
    """

    within_train: int
    within_test: int
    across: npt.NDArray[np.int64]
    without_text: int


def count_duplicates(train: Hashes, test: Hashes) -> Duplicates:
    """Compare the hashes of the training documents with those of the test documents."""
    empty = int((train == WITHOUT_TEXT).sum() + (test == WITHOUT_TEXT).sum())
    distinct_train = np.unique(train[train != WITHOUT_TEXT])
    test_texts = test[test != WITHOUT_TEXT]
    return Duplicates(
        within_train=int((train != WITHOUT_TEXT).sum()) - len(distinct_train),
        within_test=len(test_texts) - len(np.unique(test_texts)),
        across=np.flatnonzero(np.isin(test, distinct_train)),
        without_text=empty,
    )
