"""Training examples: documents with targets, split into training and validation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.seeds import generator_for
from core.text.token_arrays import TokenArrays

Rows = npt.NDArray[np.int64]
"""Row indices (documents,)."""


_BLOCK_SIZE = 4096


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch on its device: tokens (batch, time), lengths (batch,), targets (batch,).

    For a shared model, targets are (batch, categories).
    """

    tokens: Tensor
    lengths: Tensor
    targets: Tensor


@dataclass(frozen=True, slots=True)
class Examples:
    """Documents and their binary targets for one category.

    `rows` (documents,) are indices into `tokens`. `targets` (documents,) are True for positives.
    For a shared model, targets are (documents, categories).
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

    def select(self, indices: Rows) -> Examples:
        """Subset of the examples at `indices`."""
        return Examples(self.tokens, self.rows[indices], self.targets[indices], self.max_words)

    def batch(self, indices: Rows, device: torch.device) -> Batch:
        """Batch of the examples at `indices`, padded to the longest of them."""
        ids, lengths = self.tokens.batch(self.rows[indices], self.max_words)
        return Batch(
            torch.from_numpy(ids).to(device),
            torch.from_numpy(lengths).to(device),
            torch.from_numpy(self.targets[indices].astype(np.float32)).to(device),
        )

    def words(self) -> Rows:
        """Distinct token ids of all documents, ascending."""
        lengths = self.tokens.lengths(self.rows, self.max_words)
        distinct: Rows = np.zeros(0, dtype=np.int64)
        for start in range(0, len(self.rows), _BLOCK_SIZE):
            block = slice(start, start + _BLOCK_SIZE)
            offsets = self.tokens.offsets[self.rows[block]]
            positions = np.arange(lengths[block].max(initial=1))
            inside = positions < lengths[block, None]
            ids = self.tokens.tokens[(offsets[:, None] + positions)[inside]]
            distinct = np.union1d(distinct, ids).astype(np.int64)
        return distinct

    def by_length(self, batch_size: int) -> Iterator[Rows]:
        """Indices of all examples in batches of similar length, for scoring."""
        lengths = self.tokens.lengths(self.rows, self.max_words)
        order = np.argsort(lengths, kind="stable").astype(np.int64)
        for start in range(0, len(order), batch_size):
            yield order[start : start + batch_size]


@dataclass(frozen=True, slots=True)
class Documents:
    """Training and test documents of a run.

    `train` and `test` are rows in `tokens`. `max_words` words are read per document.
    """

    tokens: TokenArrays
    train: Rows
    test: Rows
    max_words: int

    def rows(self, split: str) -> Rows:
        """Rows of the split "train" or "test"."""
        return self.train if split == "train" else self.test

    def examples(self, positives: Rows, split: str) -> Examples:
        """Examples of one category: all documents of a split, given the rows of the positives."""
        rows = self.rows(split)
        return Examples(self.tokens, rows, np.isin(rows, positives), self.max_words)

    def shared_examples(self, positives: Sequence[Rows], split: str) -> Examples:
        """Examples with targets (documents, categories), given each category's positives."""
        rows = self.rows(split)
        targets = np.stack([np.isin(rows, category_rows) for category_rows in positives], axis=1)
        return Examples(self.tokens, rows, targets, self.max_words)


def validation_split(
    examples: Examples, fraction: float, run_seed: int, category_id: str
) -> tuple[Examples, Examples]:
    """Split examples at random, stratified by target.

    Each class with at least two examples has one or more in both splits. A single example of a
    class goes to the training split.

    Args:
        examples: Examples of one category.
        fraction: Fraction of the validation split.
        run_seed: Seed of the run.
        category_id: Id of the category. The split depends only on it and the seed.

    Returns:
        (training, validation).
    """
    generator = generator_for(run_seed, category_id, "validation split")
    validation: list[Rows] = []
    for target in (True, False):
        indices = np.flatnonzero(examples.targets == target).astype(np.int64)
        validation.append(_sample(indices, fraction, generator))
    return _divide(examples, validation)


def shared_validation_split(
    examples: Examples, fraction: float, run_seed: int
) -> tuple[Examples, Examples]:
    """Split examples with targets (documents, categories) at random into (training, validation).

    The strata are the rarest category of each document. As in `validation_split`, each stratum with
    at least two documents has one or more in both splits.
    """
    support = examples.targets.sum(axis=0)
    rarest = np.where(examples.targets, support, len(examples) + 1).argmin(axis=1)
    stratum = np.where(examples.targets.any(axis=1), rarest, -1)
    generator = generator_for(run_seed, "validation split of all categories")
    validation = [
        _sample(np.flatnonzero(stratum == value).astype(np.int64), fraction, generator)
        for value in np.unique(stratum)
    ]
    return _divide(examples, validation)


def _divide(examples: Examples, validation: list[Rows]) -> tuple[Examples, Examples]:
    validation_indices = np.sort(np.concatenate(validation))
    training_indices = np.setdiff1d(np.arange(len(examples)), validation_indices)
    return examples.select(training_indices), examples.select(validation_indices)


def _sample(indices: Rows, fraction: float, generator: torch.Generator) -> Rows:
    """Draw a fraction of `indices`: at least one of two or more, and never all."""
    shuffled: Rows = indices[torch.randperm(len(indices), generator=generator).numpy()]
    size = min(max(round(fraction * len(indices)), 1), len(indices) - 1) if len(indices) else 0
    return shuffled[:size]
