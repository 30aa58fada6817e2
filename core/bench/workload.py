"""Documents to measure with: drawn at random, like a corpus in what costs time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.corpus.examples import Examples
from core.text.token_arrays import TokenArrays
from core.text.vocabulary import RESERVED


@dataclass(frozen=True, slots=True)
class Workload:
    """Examples of one category and the embeddings (words, dimensions) of their words."""

    examples: Examples
    embeddings: Tensor


def random_workload(
    documents: int, words: int, vocabulary: int, *, dimensions: int = 100, longest: int = 100
) -> Workload:
    """Documents of `words` words on average, at most `longest`; one in twenty is a positive.

    Words are drawn by Zipf's law, and lengths between a third and all of twice the mean, cut at
    `longest` as a corpus's are. The same arguments give the same documents.
    """
    rng = np.random.default_rng(0)
    drawn = rng.integers(max(words * 2 // 3 // 2, 1), words * 5 // 3 + 1, size=documents)
    lengths = np.minimum(drawn, longest)
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    ranks = np.arange(1, vocabulary - RESERVED + 1, dtype=np.float64)
    chances = 1.0 / ranks
    tokens = rng.choice(len(ranks), size=int(offsets[-1]), p=chances / chances.sum()) + RESERVED
    targets = rng.random(documents) < 0.05
    targets[0] = True
    arrays = TokenArrays(tokens.astype(np.int32), offsets)
    table = torch.randn(vocabulary, dimensions, generator=torch.Generator().manual_seed(0)) * 0.3
    return Workload(Examples(arrays, np.arange(documents), targets, longest), table)
