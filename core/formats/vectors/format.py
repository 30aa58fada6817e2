"""The interface of word vector formats, and checks that they share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.errors import InputError
from core.text.plain_text import printable

MAX_DIMENSIONS = 10_000
MAX_WORD_LENGTH = 1000
"""Maximum characters of a word. GloVe itself cuts longer words."""
HEADER = re.compile(rb"(?:\xef\xbb\xbf)?(\d{1,12}) (\d{1,6})[ \r\n]*")
"""The first line of word2vec files: number of words, dimensions."""
FEWEST_NUMBERS = 2
"""Minimum numbers of a first line without a header; a shorter line can be anything."""
_LONGEST_LABEL = 80

Vector = npt.NDArray[np.float32]
Pairs = Iterator[tuple[str, Vector]]
"""Words and their vectors (dimensions,). A word can occur more than once."""


@dataclass(frozen=True, slots=True)
class VectorFormat:
    """A reader of word vectors from a path or an installed package.

    `recognises` inspects the name and the first bytes of a source. `read` takes the source and the
    dimensions, which select a table if the source has several; None accepts any. It raises
    `InputError` with the file and the line or record.
    """

    name: str
    description: str
    recognises: Callable[[str], bool]
    read: Callable[[str, int | None], Pairs]


@dataclass(frozen=True, slots=True)
class Location:
    """A file or a record in it, for error messages."""

    source: str | Path
    record: str | None = None

    def at(self, record: str) -> Location:
        """A record inside this location."""
        return replace(self, record=record if self.record is None else f"{self.record}, {record}")

    @property
    def label(self) -> str:
        """The location as error messages name it."""
        return str(self.source) if self.record is None else f"{self.source}, {self.record}"

    def wrong(self, problem: str, line: int | None = None) -> InputError:
        """An error about this location."""
        return InputError(problem, source=self.source, record=self.record, line=line)


def label(text: str) -> str:
    """A foreign name or message for an error message: one line of limited length."""
    return printable(text if len(text) <= _LONGEST_LABEL else f"{text[:_LONGEST_LABEL]}…")


def word_problem(word: str) -> str | None:
    """Describe what is wrong with a word, None if it is valid.

    Spaces and control characters are valid, because words are only compared with tokens. An
    unpaired surrogate is invalid, because it could not be stored.
    """
    if not word:
        return "numbers without a word before them"
    if len(word) > MAX_WORD_LENGTH:
        return f"a word of {len(word):,} characters; at most {MAX_WORD_LENGTH:,} are read"
    if not word.isascii():
        try:
            word.encode()
        except UnicodeEncodeError:
            return "a word with half of a surrogate pair, which is no Unicode text"
    return None


def vector_of(numbers: Sequence[str | float] | npt.NDArray[np.float32]) -> Vector:
    """Convert numbers to a vector (dimensions,); raise `ValueError` if one is not finite."""
    try:
        with np.errstate(over="ignore"):
            vector = np.array(numbers, dtype=np.float32)
    except ValueError as error:
        raise ValueError(f"not a number in it: {label(str(error))}") from error
    except OverflowError:
        raise ValueError("a number in it is not finite") from None
    if not np.isfinite(vector).all():
        raise ValueError("a number in it is not finite")
    return vector


def pair_of(
    word: str,
    numbers: Sequence[str | float] | npt.NDArray[np.float32],
    wrong: Callable[[str], InputError],
) -> tuple[str, Vector]:
    """Check a word and convert its numbers to a vector; `wrong` creates the error."""
    if problem := word_problem(word):
        raise wrong(problem)
    try:
        return word, vector_of(numbers)
    except ValueError as error:
        raise wrong(str(error)) from error


def dimensions_problem(found: int, wanted: int | None) -> str | None:
    """Describe what is wrong with the dimensions of a table, None if they are valid."""
    if not 1 <= found <= MAX_DIMENSIONS:
        return f"vectors of {found:,} dimensions; 1 to {MAX_DIMENSIONS:,} are read"
    if wanted is not None and found != wanted:
        return f"vectors of {found:,} dimensions, not {wanted:,}; leave --dimensions out"
    return None


def dimensions_said(first: bytes) -> int | None:
    """The dimensions of a first line, a header or a row; None if it is neither."""
    if header := HEADER.fullmatch(first):
        return int(header[2])
    numbers = first.strip(b" \r\n").split(b" ")[1:]
    if len(numbers) < FEWEST_NUMBERS:
        return None
    try:
        for number in numbers[-FEWEST_NUMBERS:]:
            float(number)
    except ValueError:
        return None
    return len(numbers)
