"""Synthetic documents for benchmarks, with the cost profile of a real corpus."""

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
    """Create random documents; 5 % are positives. Deterministic for the same arguments.

    Words follow Zipf's law. Lengths are uniform between 1/3 and 5/3 of `words`, truncated at
    `longest`.
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
