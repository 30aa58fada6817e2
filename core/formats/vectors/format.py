"""What every format of word vectors offers, and what holds for the words and numbers of all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.errors import InputError
from core.text.plain_text import printable

MAX_DIMENSIONS = 10_000
LONGEST_WORD = 1000
"""Characters; GloVe itself cuts words there, and no token of a text is longer."""
_LONGEST_LABEL = 80

Vector = npt.NDArray[np.float32]
Pairs = Iterator[tuple[str, Vector]]
"""Words and their vectors (dimensions,), all of one length; a word may come more than once."""


@dataclass(frozen=True, slots=True)
class VectorFormat:
    """A reader: streams word vectors from a source, a path or the name of an installed package.

    `recognises` looks at the source's name and first bytes. `read` takes the source and the
    dimensions wanted, None for whatever there is, which chooses where a source has several tables;
    it raises `InputError` naming file and line or record.
    """

    name: str
    description: str
    recognises: Callable[[str], bool]
    read: Callable[[str, int | None], Pairs]


@dataclass(frozen=True, slots=True)
class Place:
    """A file, or something in it, that errors name."""

    source: str | Path
    record: str | None = None

    def at(self, record: str) -> Place:
        """A record inside this place."""
        return replace(self, record=record if self.record is None else f"{self.record}, {record}")

    def wrong(self, problem: str, line: int | None = None) -> InputError:
        """The error that says what is wrong here."""
        return InputError(problem, source=self.source, record=self.record, line=line)


def label(text: str) -> str:
    """A name or message from outside for an error: on one line, cut where it is long."""
    return printable(text if len(text) <= _LONGEST_LABEL else f"{text[:_LONGEST_LABEL]}…")


def word_problem(word: str) -> str | None:
    """What is wrong with a word, None if nothing is.

    A word may hold spaces and control characters: it is only ever compared with tokens. One with
    half of a surrogate pair is no text and could not be stored.
    """
    if not word:
        return "numbers without a word before them"
    if len(word) > LONGEST_WORD:
        return f"a word of {len(word):,} characters; at most {LONGEST_WORD:,} are read"
    if not word.isascii():
        try:
            word.encode()
        except UnicodeEncodeError:
            return "a word with half of a surrogate pair, which is no Unicode text"
    return None


def vector_of(numbers: Sequence[str | float] | npt.NDArray[np.float32]) -> Vector:
    """The numbers as a vector (dimensions,); raise `ValueError` saying what is wrong with them."""
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


def dimensions_problem(found: int, wanted: int | None) -> str | None:
    """What is wrong with the dimensions of a table, None if nothing is."""
    if not 1 <= found <= MAX_DIMENSIONS:
        return f"vectors of {found:,} dimensions; 1 to {MAX_DIMENSIONS:,} are read"
    if wanted is not None and found != wanted:
        return f"vectors of {found:,} dimensions, not {wanted:,}; leave --dimensions out"
    return None
