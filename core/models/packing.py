"""Packed sequences: documents of unequal length without padding, in time-major order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.text.token_arrays import TokenArrays


@dataclass(frozen=True, slots=True)
class PackedDocuments:
    """Packed documents, longest first, with their tokens in time-major order.

    Step t holds the tokens at position t of the first `counts[t]` documents. All steps together
    have `total` tokens and no padding. `words` are the distinct token ids, and token i is
    `words[indices[i]]`. `order` maps packed documents to indices of the given documents.
    """

    words: Tensor
    indices: Tensor
    counts: list[int]
    lengths: Tensor
    order: npt.NDArray[np.int64]

    @property
    def total(self) -> int:
        """Number of tokens."""
        return len(self.indices)


def pack(
    tokens: TokenArrays,
    rows: npt.NDArray[np.int64],
    max_words: int,
    seen: npt.NDArray[np.int64],
) -> PackedDocuments:
    """Pack documents.

    Args:
        tokens: Token arrays of the corpus.
        rows: Rows of the documents in `tokens` (documents,).
        max_words: Maximum number of words per document.
        seen: Scratch array (vocabulary,). It is overwritten.
    """
    lengths = tokens.lengths(rows, max_words)
    order = np.argsort(-lengths, kind="stable")
    lengths = lengths[order]
    positions = np.arange(lengths[0])[:, None]
    inside = positions < lengths
    ids = tokens.tokens[(tokens.offsets[rows[order]] + positions)[inside]]
    words, indices = _distinct(ids, seen)
    return PackedDocuments(
        torch.from_numpy(words),
        torch.from_numpy(indices),
        np.count_nonzero(inside, axis=1).tolist(),
        torch.from_numpy(lengths),
        order,
    )


def _distinct(
    ids: npt.NDArray[np.int32], seen: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Distinct ids, ascending, and the index of each of `ids` among them."""
    seen[:] = 0
    seen[ids] = 1
    words = np.flatnonzero(seen)
    seen[words] = np.arange(len(words))
    return words, seen[ids]
