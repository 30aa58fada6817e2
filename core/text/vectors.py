"""Word vectors: kept as an array, looked up for a vocabulary."""

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
from core.text.tokens import PADDING, RESERVED, Vocabulary, word_list

if TYPE_CHECKING:
    import torch

RANDOM_SCALE = 0.05
"""Words without a vector are drawn uniformly from ±RANDOM_SCALE."""
MOST_MEMORY = 2 * 2**30
"""Bytes for the words of a table: some ten million."""
_PLACE = 100
"""Bytes that a dictionary takes for a word besides the word itself."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many words of a vocabulary have a vector."""

    words: int
    covered: int

    @property
    def share(self) -> float:
        """Between 0 and 1; 0 for an empty vocabulary."""
        return self.covered / self.words if self.words else 0.0


@dataclass(frozen=True, slots=True)
class StoredVectors:
    """What has been stored: words, dimensions, and how many of the words are not lower-case."""

    words: int
    dimensions: int
    cased: int


def store_vectors(
    pairs: Iterable[tuple[str, npt.NDArray[np.float32]]],
    folder: Path,
    progress: Callable[[int], None] = lambda _: None,
) -> StoredVectors:
    """Write word vectors to `folder`, with memory for the words only.

    The first vector of a word counts; later ones are left out. Raises `HTransError` for no vectors
    and for words that together take more than `MOST_MEMORY`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    words: dict[str, None] = {}
    dimensions = cased = memory = 0
    with replacing(folder / "vectors.bin") as temporary, temporary.open("wb") as file:
        for word, vector in pairs:
            if word in words:
                continue
            words[word] = None
            memory += sys.getsizeof(word) + _PLACE
            if memory > MOST_MEMORY:
                raise HTransError(
                    f"the words alone, {len(words):,} so far, take {MOST_MEMORY // 2**20:,} MiB of "
                    "memory; leave out rare ones"
                )
            cased += word != word.lower()
            dimensions = len(vector)
            file.write(vector.tobytes())
            if len(words) % 10_000 == 0:
                progress(len(words))
        if not words:
            raise HTransError("the vectors are empty: there is no word in them")
    write_bytes(folder / "words.json", json.dumps(list(words), ensure_ascii=False).encode())
    return StoredVectors(len(words), dimensions, cased)


def vector_coverage(vocabulary: Vocabulary, folder: Path) -> Coverage:
    """How many words of a vocabulary the vectors stored in `folder` cover."""
    known = set(stored_words(folder))
    covered = sum(1 for word in islice(vocabulary, RESERVED, None) if word in known)
    return Coverage(len(vocabulary) - RESERVED, covered)


def stored_words(folder: Path) -> list[str]:
    """The words of the vectors stored in `folder`; raise `CorruptFileError` if there are none."""
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
    """Embeddings (words, dimensions) that a run starts from, and how many words have a vector.

    Words without a vector are drawn small and random from the run's seed, word for word the same
    whatever the vectors cover; the padding row is zeros.
    """
    # Storing and looking up need no torch, which takes seconds to load.
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
