"""Documents of unequal length without padding, laid out for a recurrence over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.text.tokens import TokenArrays


@dataclass(frozen=True, slots=True)
class PackedDocuments:
    """Documents, longest first, their tokens one time step after another.

    Step t holds the tokens that stand at position t of the first `counts[t]` documents; all steps
    together have `total` tokens and no padding. Token i is `words[places[i]]`: each distinct word
    of the documents stands in `words` once. `order` says which of the given documents each one is.
    """

    words: Tensor
    places: Tensor
    counts: list[int]
    lengths: Tensor
    order: npt.NDArray[np.int64]

    @property
    def total(self) -> int:
        """Number of tokens."""
        return len(self.places)


def pack(
    tokens: TokenArrays,
    rows: npt.NDArray[np.int64],
    max_words: int,
    seen: npt.NDArray[np.int64],
) -> PackedDocuments:
    """Pack the documents `rows`; `seen` (words of the vocabulary,) is overwritten."""
    lengths = tokens.lengths(rows, max_words)
    order = np.argsort(-lengths, kind="stable")
    lengths = lengths[order]
    positions = np.arange(lengths[0])[:, None]
    inside = positions < lengths
    ids = tokens.tokens[(tokens.offsets[rows[order]] + positions)[inside]]
    words, places = _distinct(ids, seen)
    return PackedDocuments(
        torch.from_numpy(words),
        torch.from_numpy(places),
        np.count_nonzero(inside, axis=1).tolist(),
        torch.from_numpy(lengths),
        order,
    )


def _distinct(
    ids: npt.NDArray[np.int32], seen: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The distinct ids, ascending, and for each of `ids` where it stands among them."""
    seen[:] = 0
    seen[ids] = 1
    words = np.flatnonzero(seen)
    seen[words] = np.arange(len(words))
    return words, seen[ids]
