"""TF-IDF vectors of documents, from token arrays.

As `ltc` in the SMART notation: logarithmic term frequency, smoothed inverse document frequency,
each vector of length 1 (Lewis et al. 2004, section 5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import TfidfTransformer

from core.corpus.examples import Rows
from core.text.tokens import RESERVED, TokenArrays, Vocabulary

FEWEST_DOCUMENTS = 2
"""A word counts if it is in so many training documents."""


@dataclass(frozen=True, slots=True)
class TfIdf:
    """Makes vectors over `features`, the token ids that count, ascending; fitted by `fit`."""

    features: npt.NDArray[np.int64]
    _place: npt.NDArray[np.int64]
    _transformer: TfidfTransformer
    _max_words: int

    @classmethod
    def fit(cls, tokens: TokenArrays, rows: Rows, vocabulary: Vocabulary, max_words: int) -> TfIdf:
        """Learn which words count and what each is worth from the documents `rows`.

        Words have a letter or digit in them, and stand in at least `FEWEST_DOCUMENTS` of these.
        """
        words = np.fromiter(
            (any(map(str.isalnum, word)) for word in vocabulary), np.bool_, len(vocabulary)
        )
        words[:RESERVED] = False
        every = _counts(tokens, rows, len(vocabulary), max_words)
        frequency = np.bincount(every.indices, minlength=len(vocabulary))
        features = np.flatnonzero(words & (frequency >= FEWEST_DOCUMENTS)).astype(np.int64)
        place = np.full(len(vocabulary), -1, dtype=np.int64)
        place[features] = np.arange(len(features))
        transformer = TfidfTransformer(sublinear_tf=True)
        transformer.fit(every[:, features])
        return cls(features, place, transformer, max_words)

    @classmethod
    def of(
        cls,
        features: npt.NDArray[np.int64],
        frequency: npt.NDArray[np.float64],
        words: int,
        max_words: int,
    ) -> TfIdf:
        """From `features` and their `inverse_frequency`, for a vocabulary of `words`."""
        place = np.full(words, -1, dtype=np.int64)
        place[features] = np.arange(len(features))
        transformer = TfidfTransformer(sublinear_tf=True)
        transformer.idf_ = frequency
        return cls(features, place, transformer, max_words)

    @property
    def inverse_frequency(self) -> npt.NDArray[np.float64]:
        """What each of the `features` is worth, (features,)."""
        worth: npt.NDArray[np.float64] = self._transformer.idf_
        return worth

    def vectors(self, tokens: TokenArrays, rows: Rows) -> csr_array:
        """Vectors (rows, features) of documents; one without any known word is all zeros."""
        counts = _counts(tokens, rows, len(self._place), self._max_words)
        found = csr_array(self._transformer.transform(counts[:, self.features]))
        # LinearSVC takes no others.
        found.indices, found.indptr = found.indices.astype("i4"), found.indptr.astype("i4")
        return found

    def vector(self, token_ids: Sequence[int]) -> csr_array:
        """The vector (1, features) of one text."""
        return self.vectors(TokenArrays.of([list(token_ids)]), np.zeros(1, dtype=np.int64))


def _counts(tokens: TokenArrays, rows: Rows, words: int, max_words: int) -> csr_array:
    """How often each word is in each document (rows, words)."""
    lengths = tokens.lengths(rows, max_words)
    offsets = np.concatenate(([0], np.cumsum(lengths)))
    ids = np.empty(offsets[-1], dtype=np.int32)
    for i, row in enumerate(rows):
        start = tokens.offsets[row]
        ids[offsets[i] : offsets[i + 1]] = tokens.tokens[start : start + lengths[i]]
    counts = csr_array(
        (np.ones(len(ids), dtype=np.float64), ids, offsets), shape=(len(rows), words)
    )
    counts.sum_duplicates()
    return counts
