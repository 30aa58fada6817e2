"""Word vectors: read from a GloVe text file, kept as an array, looked up for a vocabulary."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from core.errors import CorruptFileError, HTransError, InputError
from core.files import replacing, write_bytes
from core.seeds import generator_for
from core.tokens import PADDING, RESERVED, Vocabulary, word_list

RANDOM_SCALE = 0.05
"""Words without a vector are drawn uniformly from ±RANDOM_SCALE."""
_LONGEST_LINE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many words of a vocabulary have a vector."""

    words: int
    covered: int

    @property
    def share(self) -> float:
        """Between 0 and 1; 0 for an empty vocabulary."""
        return self.covered / self.words if self.words else 0.0


def read_glove(path: Path) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    """Yield word and vector of a GloVe text file (`word v1 … vn`), plain or `.gz`.

    A word may hold spaces, as some in the 840B vectors do: the numbers are the last `n` fields,
    and the first line says what n is. Raises `InputError` with the line for anything else.
    """
    dimensions: int | None = None
    for number, line in _lines(path):
        fields = line.rstrip("\n").split(" ")
        if dimensions is None:
            dimensions = len(fields) - 1
            if dimensions < 2:
                raise InputError(
                    "not a GloVe text file: a line is a word and its numbers, separated by spaces",
                    source=path,
                    line=number,
                )
        word, values = " ".join(fields[:-dimensions]), fields[-dimensions:]
        if len(fields) <= dimensions:
            raise InputError(
                f"{len(fields) - 1} numbers, but line 1 has {dimensions}", source=path, line=number
            )
        if not word:
            raise InputError("numbers without a word before them", source=path, line=number)
        try:
            with np.errstate(over="ignore"):
                vector = np.array(values, dtype=np.float32)
        except ValueError as error:
            raise InputError(f"not a number in it: {error}", source=path, line=number) from error
        if not np.isfinite(vector).all():
            raise InputError("a number in it is not finite", source=path, line=number)
        yield word, vector


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    number = 0
    try:
        with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as file:
            while line := file.readline(_LONGEST_LINE):
                number += 1
                yield number, line.decode("utf-8")
    except FileNotFoundError as error:
        raise HTransError(f"{path}: no such file; check the path") from error
    except UnicodeDecodeError as error:
        raise InputError("not UTF-8 text", source=path, line=number) from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(
            f"not a whole gzip file ({error}); fetch it again", source=path, line=number + 1
        ) from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", source=path) from error


def store_vectors(
    pairs: Iterable[tuple[str, npt.NDArray[np.float32]]],
    folder: Path,
    progress: Callable[[int], None] = lambda _: None,
) -> tuple[int, int]:
    """Write word vectors to `folder`; return (words, dimensions).

    The first vector of a word counts; later ones are left out. Raises `HTransError` for no vectors.
    """
    folder.mkdir(parents=True, exist_ok=True)
    words: dict[str, None] = {}
    dimensions = 0
    with replacing(folder / "vectors.bin") as temporary, temporary.open("wb") as file:
        for word, vector in pairs:
            if word in words:
                continue
            words[word] = None
            dimensions = len(vector)
            file.write(vector.tobytes())
            if len(words) % 10_000 == 0:
                progress(len(words))
        if not words:
            raise HTransError("the vectors file is empty; a line is a word and its numbers")
    write_bytes(folder / "words.json", json.dumps(list(words), ensure_ascii=False).encode())
    return len(words), dimensions


def vector_coverage(vocabulary: Vocabulary, folder: Path) -> Coverage:
    """How many words of a vocabulary the vectors stored in `folder` cover."""
    known = set(_stored_words(folder))
    covered = sum(1 for word in islice(vocabulary, RESERVED, None) if word in known)
    return Coverage(len(vocabulary) - RESERVED, covered)


def _stored_words(folder: Path) -> list[str]:
    try:
        words = word_list(json.loads((folder / "words.json").read_bytes()))
    except (OSError, ValueError) as error:
        raise CorruptFileError(f"{folder}: no readable word vectors ({error})") from error
    return words


class WordVectors:
    """Stored word vectors, memory-mapped."""

    def __init__(self, folder: Path, dimensions: int) -> None:
        self.dimensions = dimensions
        words = _stored_words(folder)
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
    generator = generator_for(seed, "embeddings")
    table = torch.rand(len(vocabulary), dimensions, generator=generator)
    table = (table * 2 - 1) * RANDOM_SCALE
    coverage = Coverage(len(vocabulary) - RESERVED, 0)
    if vectors is not None:
        coverage = vectors.fill(table.numpy(), vocabulary)
    table[PADDING] = 0
    return table, coverage
