"""TF-IDF vectors of documents, from token arrays.

The weighting is `ltc` in SMART notation: logarithmic term frequency, smoothed inverse document
frequency, L2-normalised vectors (Lewis et al. 2004, section 5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from sklearn.feature_extraction.text import TfidfTransformer

from core.corpus.examples import Rows
from core.text.token_arrays import TokenArrays
from core.text.vocabulary import RESERVED, Vocabulary

MIN_DOCUMENTS = 2
"""Minimum document frequency of a feature in the training documents."""


@dataclass(frozen=True, slots=True)
class TfIdf:
    """TF-IDF vectoriser over `features`, token ids in ascending order. Create it with `fit`."""

    features: npt.NDArray[np.int64]
    _columns: npt.NDArray[np.int64]
    _transformer: TfidfTransformer
    _max_words: int

    @classmethod
    def fit(cls, tokens: TokenArrays, rows: Rows, vocabulary: Vocabulary, max_words: int) -> TfIdf:
        """Fit features and inverse document frequencies.

        Features are words with a letter or digit in at least `MIN_DOCUMENTS` of the documents.

        Args:
            tokens: Token arrays of the corpus.
            rows: Rows of the training documents in `tokens`.
            vocabulary: Vocabulary of `tokens`.
            max_words: Maximum number of words read per document.
        """
        is_word = np.fromiter(
            (any(map(str.isalnum, word)) for word in vocabulary), np.bool_, len(vocabulary)
        )
        is_word[:RESERVED] = False
        counts = _counts(tokens, rows, len(vocabulary), max_words)
        frequency = np.bincount(counts.indices, minlength=len(vocabulary))
        features = np.flatnonzero(is_word & (frequency >= MIN_DOCUMENTS)).astype(np.int64)
        columns = np.full(len(vocabulary), -1, dtype=np.int64)
        columns[features] = np.arange(len(features))
        transformer = TfidfTransformer(sublinear_tf=True)
        transformer.fit(counts[:, features])
        return cls(features, columns, transformer, max_words)

    @classmethod
    def of(
        cls,
        features: npt.NDArray[np.int64],
        frequency: npt.NDArray[np.float64],
        words: int,
        max_words: int,
    ) -> TfIdf:
        """Rebuild a fitted vectoriser.

        Args:
            features: Token ids of the features, ascending.
            frequency: Inverse document frequencies (features,), as `inverse_frequency`.
            words: Size of the vocabulary.
            max_words: Maximum number of words read per document.
        """
        columns = np.full(words, -1, dtype=np.int64)
        columns[features] = np.arange(len(features))
        transformer = TfidfTransformer(sublinear_tf=True)
        transformer.idf_ = frequency
        return cls(features, columns, transformer, max_words)

    @property
    def inverse_frequency(self) -> npt.NDArray[np.float64]:
        """Inverse document frequencies (features,)."""
        frequency: npt.NDArray[np.float64] = self._transformer.idf_
        return frequency

    def vectors(self, tokens: TokenArrays, rows: Rows) -> csr_array:
        """TF-IDF vectors (rows, features); a document without features gets zeros."""
        counts = _counts(tokens, rows, len(self._columns), self._max_words)
        matrix = csr_array(self._transformer.transform(counts[:, self.features]))
        # LinearSVC requires 32-bit indices.
        matrix.indices, matrix.indptr = matrix.indices.astype("i4"), matrix.indptr.astype("i4")
        return matrix

    def vector(self, token_ids: Sequence[int]) -> csr_array:
        """TF-IDF vector (1, features) of one text."""
        return self.vectors(TokenArrays.of([list(token_ids)]), np.zeros(1, dtype=np.int64))


def _counts(tokens: TokenArrays, rows: Rows, words: int, max_words: int) -> csr_array:
    """Term counts (rows, words)."""
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
