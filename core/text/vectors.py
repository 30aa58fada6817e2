"""Stored word vectors and initial embeddings of a vocabulary."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from core.errors import CorruptFileError, HTransError
from core.files import replacing, write_bytes
from core.text.vocabulary import PADDING, RESERVED, Vocabulary, word_list

if TYPE_CHECKING:
    import torch

RANDOM_SCALE = 0.05
"""Embeddings of words without a vector are uniform in ±RANDOM_SCALE."""
MAX_MEMORY = 2 * 2**30
"""Memory limit for the words of a vector table in bytes: about ten million words."""
_BYTES_PER_ENTRY = 100
"""Memory of a dictionary entry in bytes, without the word."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """Number of words in a vocabulary and number of those with a vector."""

    words: int
    covered: int

    @property
    def share(self) -> float:
        """Fraction of words with a vector; 0 for an empty vocabulary."""
        return self.covered / self.words if self.words else 0.0


@dataclass(frozen=True, slots=True)
class StoredVectors:
    """Size of a stored vector table. `cased` is the number of words that are not lower-case."""

    words: int
    dimensions: int
    cased: int


def store_vectors(
    pairs: Iterable[tuple[str, npt.NDArray[np.float32]]],
    folder: Path,
    progress: Callable[[int], None] = lambda _: None,
) -> StoredVectors:
    """Write word vectors to `folder`, with only the words in memory.

    Args:
        pairs: Words and their vectors. Later vectors of the same word are ignored.
        folder: Target folder.
        progress: Called with the number of words written, every 10,000 words.

    Raises:
        HTransError: If there are no vectors, or the words need more than `MAX_MEMORY` bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    words: dict[str, None] = {}
    dimensions = cased = memory = 0
    with replacing(folder / "vectors.bin") as temporary, temporary.open("wb") as file:
        for word, vector in pairs:
            if word in words:
                continue
            words[word] = None
            memory += sys.getsizeof(word) + _BYTES_PER_ENTRY
            if memory > MAX_MEMORY:
                raise HTransError(
                    f"the words alone, {len(words):,} so far, take {MAX_MEMORY // 2**20:,} MiB of "
                    "memory; remove rare words from the file"
                )
            cased += word != word.lower()
            dimensions = len(vector)
            file.write(vector.tobytes())
            if len(words) % 10_000 == 0:
                progress(len(words))
        if not words:
            raise HTransError("the file contains no word vectors; check the file and its format")
    write_bytes(folder / "words.json", json.dumps(list(words), ensure_ascii=False).encode())
    return StoredVectors(len(words), dimensions, cased)


def vector_coverage(vocabulary: Vocabulary, folder: Path) -> Coverage:
    """Compute how many words of a vocabulary have a vector stored in `folder`."""
    known = set(stored_words(folder))
    covered = sum(1 for word in islice(vocabulary, RESERVED, None) if word in known)
    return Coverage(len(vocabulary) - RESERVED, covered)


def stored_words(folder: Path) -> list[str]:
    """Load the words of the vectors in `folder`; raise `CorruptFileError` if unreadable."""
    try:
        words = word_list(json.loads((folder / "words.json").read_bytes()))
    except (OSError, ValueError) as error:
        raise CorruptFileError(f"{folder}: no readable word vectors ({error})") from error
    return words


class WordVectors:
    """Stored word vectors, memory-mapped."""

    def __init__(self, folder: Path, dimensions: int) -> None:
        self.dimensions = dimensions
        words = stored_words(folder)
        try:
            flat = np.memmap(folder / "vectors.bin", dtype=np.float32, mode="r")
            self._matrix = flat.reshape(len(words), dimensions)
        except (OSError, ValueError) as error:
            raise CorruptFileError(f"{folder}: no readable word vectors ({error})") from error
        self._rows = {word: row for row, word in enumerate(words)}

    def __len__(self) -> int:
        return len(self._rows)

    def fill(self, matrix: npt.NDArray[np.float32], vocabulary: Vocabulary) -> Coverage:
        """Overwrite the rows of `matrix` (words, dimensions) whose word has a vector."""
        covered = 0
        for token_id, word in islice(enumerate(vocabulary), RESERVED, None):
            row = self._rows.get(word)
            if row is not None:
                matrix[token_id] = self._matrix[row]
                covered += 1
        return Coverage(len(vocabulary) - RESERVED, covered)


def embedding_matrix(
    vocabulary: Vocabulary, seed: int, dimensions: int, vectors: WordVectors | None
) -> tuple[torch.Tensor, Coverage]:
    """Initial embeddings of a run.

    Words without a vector get small random embeddings. They depend only on the seed and the word's
    id, not on the vectors. The padding row is zero.

    Args:
        vocabulary: Vocabulary of the corpus.
        seed: Seed of the run.
        dimensions: Embedding dimensions.
        vectors: Pretrained word vectors, if any.

    Returns:
        Embeddings (words, dimensions) and the coverage of the vectors.
    """
    # Imported late: storing and looking up vectors need no torch, which takes seconds to load.
    import torch

    from core.seeds import generator_for

    generator = generator_for(seed, "embeddings")
    table = torch.rand(len(vocabulary), dimensions, generator=generator)
    table = (table * 2 - 1) * RANDOM_SCALE
    coverage = Coverage(len(vocabulary) - RESERVED, 0)
    if vectors is not None:
        coverage = vectors.fill(table.numpy(), vocabulary)
    table[PADDING] = 0
    return table, coverage
