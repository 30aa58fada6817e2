"""Lines `word v1 … vn` of GloVe and word2vec files: plain, compressed, or in a zip archive."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from core.errors import InputError
from core.formats.vectors.format import (
    FEWEST_NUMBERS,
    HEADER,
    Location,
    Vector,
    dimensions_problem,
    pair_of,
)
from core.formats.vectors.zip_members import ZIP, first_line_of_table, open_member
from core.text.line_files import opened

MAX_LINE_BYTES = 2**20
"""Maximum bytes of a line."""


class TextLines:
    """The lines of a file. `number` is the number of the last line that was read."""

    def __init__(self, location: Location, file: IO[bytes]) -> None:
        self.location = location
        self.number = 0
        self._file = file

    def read(self) -> bytes:
        """The next line with its line ending, empty at the end of the file."""
        line = self._file.readline(MAX_LINE_BYTES + 1)
        self.number += bool(line)
        return line

    def read_bytes(self, size: int) -> bytes:
        """The next `size` bytes, fewer at the end. Lines cannot be read afterwards."""
        return self._file.read(size)

    def text(self, line: bytes) -> str:
        """Decode a line of `read` without its line ending; raise `InputError` if it is not text."""
        if len(line) > MAX_LINE_BYTES:
            raise self.wrong(f"longer than {MAX_LINE_BYTES:,} bytes; not a word and its numbers")
        try:
            text = line.decode("utf-8-sig" if self.number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise self.wrong(
                f"not UTF-8 text at byte {error.start}; convert the file to UTF-8"
            ) from error
        return text.rstrip("\r\n")

    def __iter__(self) -> Iterator[str]:
        while line := self.read():
            yield self.text(line)

    def wrong(self, problem: str) -> InputError:
        """An error about the last line."""
        return self.location.wrong(problem, self.number)


@contextmanager
def open_lines(source: str, dimensions: int | None) -> Iterator[TextLines]:
    """Open a file: plain, `.gz`, `.zst`, or the table with `dimensions` in a `.zip`.

    Raises `InputError` if it cannot be read or is truncated.
    """
    path = Path(source)
    lines: TextLines | None = None

    def next_line() -> int | None:
        return None if lines is None else lines.number + 1

    if path.suffix.lower() == ZIP:
        with open_member(path, dimensions) as (name, file):
            lines = TextLines(Location(path, name), file)
            yield lines
    else:
        with opened(path, next_line) as file:
            lines = TextLines(Location(path), file)
            yield lines


def first_line(source: str) -> bytes:
    """The first line of a file, or of the first table in a zip archive."""
    path = Path(source)
    if path.suffix.lower() == ZIP:
        return first_line_of_table(path)
    with open_lines(source, None) as lines:
        return lines.read()


def row_of(line: str, dimensions: int, lines: TextLines) -> tuple[str, Vector]:
    """Split a line into its word and its vector, the last `dimensions` fields.

    Words can contain spaces, as some of the 840B vectors do.
    """
    word, *numbers = line.rsplit(" ", dimensions)
    if len(numbers) < dimensions:
        raise lines.wrong(f"{len(numbers)} numbers, but line 1 has {dimensions}")
    written = line[len(word) :]
    # Python also accepts underscores and the digits of other scripts.
    if "_" in written or not written.isascii():
        raise lines.wrong("not a number in it: only digits, sign, point and exponent are")
    return pair_of(word, numbers, lines.wrong)


def width_of_first(line: str, wanted: int | None, lines: TextLines) -> int:
    """Count the numbers of the first line of a file without a header."""
    dimensions = line.count(" ")
    if HEADER.fullmatch(line.encode()):
        raise lines.wrong(
            "not a GloVe text file: this is word2vec's first line; name it with --format word2vec"
        )
    if dimensions < FEWEST_NUMBERS:
        raise lines.wrong(
            "not a GloVe text file: a line is a word and its numbers, separated by spaces"
        )
    if problem := dimensions_problem(dimensions, wanted):
        raise lines.wrong(problem)
    return dimensions
