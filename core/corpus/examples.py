"""Documents with a target for one category, split into training and validation."""

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
"""Numbers of documents in their corpus."""


_DOCUMENTS_AT_ONCE = 4096


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch on its device: tokens (batch, time), lengths (batch,), targets (batch,).

    For several categories at once, targets are (batch, categories).
    """

    tokens: Tensor
    lengths: Tensor
    targets: Tensor


@dataclass(frozen=True, slots=True)
class Examples:
    """Documents and whether each is a positive of the category in question.

    `rows` (documents,) point into `tokens`; `targets` (documents,) are True for positives. For
    several categories at once, targets are (documents, categories).
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


@dataclass(frozen=True, slots=True)
class Documents:
    """The documents of a corpus that a run trains on and is measured on.

    `train` and `test` are numbers of documents in `tokens`, of which `max_words` words are read.
    """

    tokens: TokenArrays
    train: Rows
    test: Rows
    max_words: int

    def rows(self, split: str) -> Rows:
        """Numbers of the documents of the split "train" or "test"."""
        return self.train if split == "train" else self.test

    def examples(self, positives: Rows, split: str) -> Examples:
        """All documents of a split; those whose numbers are among `positives` are positives."""
        rows = self.rows(split)
        return Examples(self.tokens, rows, np.isin(rows, positives), self.max_words)

    def shared_examples(self, positives: Sequence[Rows], split: str) -> Examples:
        """All documents of a split, with targets (documents, categories)."""
        rows = self.rows(split)
        targets = np.stack([np.isin(rows, its) for its in positives], axis=1)
        return Examples(self.tokens, rows, targets, self.max_words)


def validation_split(
    examples: Examples, fraction: float, run_seed: int, category_id: str
) -> tuple[Examples, Examples]:
    """(training, validation), drawn at random from (seed, category), stratified by target.

    Of two or more positives at least one goes to each side, and likewise of negatives; a single
    one trains.
    """
    generator = generator_for(run_seed, category_id, "validation split")
    validation: list[Rows] = []
    for target in (True, False):
        places = np.flatnonzero(examples.targets == target).astype(np.int64)
        validation.append(_drawn(places, fraction, generator))
    return _divided(examples, validation)


def shared_validation_split(
    examples: Examples, fraction: float, run_seed: int
) -> tuple[Examples, Examples]:
    """(training, validation) of documents with targets for several categories, drawn at random.

    The rarest category that a document is in decides in which group it is drawn, so that of two or
    more documents of a group at least one goes to each side, as in `validation_split`.
    """
    support = examples.targets.sum(axis=0)
    rarest = np.where(examples.targets, support, len(examples) + 1).argmin(axis=1)
    group = np.where(examples.targets.any(axis=1), rarest, -1)
    generator = generator_for(run_seed, "validation split of all categories")
    validation = [
        _drawn(np.flatnonzero(group == number).astype(np.int64), fraction, generator)
        for number in np.unique(group)
    ]
    return _divided(examples, validation)


def _divided(examples: Examples, validation: list[Rows]) -> tuple[Examples, Examples]:
    chosen = np.sort(np.concatenate(validation))
    others = np.setdiff1d(np.arange(len(examples)), chosen)
    return examples.select(others), examples.select(chosen)


def _drawn(places: Rows, fraction: float, generator: torch.Generator) -> Rows:
    """A share of `places`: at least one of two or more, and not all."""
    shuffled: Rows = places[torch.randperm(len(places), generator=generator).numpy()]
    size = min(max(round(fraction * len(places)), 1), len(places) - 1) if len(places) else 0
    return shuffled[:size]
