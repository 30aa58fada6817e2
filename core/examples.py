"""Documents with a target for one category, split into training and validation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.seeds import generator_for
from core.tokens import TokenArrays

Rows = npt.NDArray[np.int64]
"""Numbers of documents in their corpus."""


_DOCUMENTS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch on its device: tokens (batch, time), lengths (batch,), targets (batch,)."""

    tokens: Tensor
    lengths: Tensor
    targets: Tensor


@dataclass(frozen=True, slots=True)
class Examples:
    """Documents and whether each is a positive of the category in question.

    `rows` (documents,) point into `tokens`; `targets` (documents,) are True for positives.
    """

    tokens: TokenArrays
    rows: Rows
    targets: npt.NDArray[np.bool_]
    max_words: int

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def positives(self) -> int:
        """Number of positives."""
        return int(np.count_nonzero(self.targets))

    def select(self, chosen: Rows) -> Examples:
        """The examples at the given places."""
        return Examples(self.tokens, self.rows[chosen], self.targets[chosen], self.max_words)

    def batch(self, chosen: Rows, device: torch.device) -> Batch:
        """The examples at the given places, padded to the longest of them."""
        ids, lengths = self.tokens.batch(self.rows[chosen], self.max_words)
        return Batch(
            torch.from_numpy(ids).to(device),
            torch.from_numpy(lengths).to(device),
            torch.from_numpy(self.targets[chosen].astype(np.float32)).to(device),
        )

    def words(self) -> Rows:
        """The distinct token ids of all these documents, ascending."""
        lengths = self.tokens.lengths(self.rows, self.max_words)
        found: Rows = np.zeros(0, dtype=np.int64)
        for start in range(0, len(self.rows), _DOCUMENTS_AT_ONCE):
            some = slice(start, start + _DOCUMENTS_AT_ONCE)
            offsets = self.tokens.offsets[self.rows[some]]
            positions = np.arange(lengths[some].max(initial=1))
            inside = positions < lengths[some, None]
            ids = self.tokens.tokens[(offsets[:, None] + positions)[inside]]
            found = np.union1d(found, ids).astype(np.int64)
        return found

    def by_length(self, batch_size: int) -> Iterator[Rows]:
        """Places of all examples, in batches of similar length: for scoring, not for training."""
        lengths = self.tokens.lengths(self.rows, self.max_words)
        order = np.argsort(lengths, kind="stable").astype(np.int64)
        for start in range(0, len(order), batch_size):
            yield order[start : start + batch_size]


def validation_split(
    examples: Examples, fraction: float, run_seed: int, category_id: str
) -> tuple[Examples, Examples]:
    """(training, validation), drawn at random from (seed, category), stratified by target.

    Of two or more positives at least one goes to each side, and likewise of negatives; a single
    one trains.
    """
    generator = generator_for(run_seed, category_id, "validation split")
    validation: list[Rows] = []
    training: list[Rows] = []
    for target in (True, False):
        places = np.flatnonzero(examples.targets == target).astype(np.int64)
        drawn = places[torch.randperm(len(places), generator=generator).numpy()]
        size = min(max(round(fraction * len(drawn)), 1), len(drawn) - 1) if len(drawn) else 0
        validation.append(drawn[:size])
        training.append(drawn[size:])
    return (
        examples.select(np.sort(np.concatenate(training))),
        examples.select(np.sort(np.concatenate(validation))),
    )
