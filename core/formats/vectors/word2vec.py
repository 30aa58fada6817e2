"""word2vec's text format: a first line `count dimensions`, then a word and its numbers a line."""

from __future__ import annotations

from pathlib import Path

from core.errors import InputError
from core.formats.vectors.first_lines import HEADER
from core.formats.vectors.format import Pairs, VectorFormat, dimensions_problem
from core.formats.vectors.text_lines import TextLines, first_line, open_lines
from core.formats.vectors.text_rows import row_of

_CONVERSION = (
    "word2vec's binary format, which is not read; convert it with gensim: "
    "KeyedVectors.load_word2vec_format(FILE, binary=True)"
    ".save_word2vec_format('vectors.txt', binary=False)"
)
_TEXT = frozenset(b"\t\n\r")
_LONGEST_CHARACTER = 4


def read(source: str, dimensions: int | None = None) -> Pairs:
    """Yield the words and vectors after the first line, which says how many there are of both.

    From a plain file, `.gz`, `.zst` or `.zip`; fastText writes the same. Raises `InputError` with
    the line for anything else, word2vec's binary format included.
    """
    with open_lines(source, dimensions) as lines:
        count, width = _header(lines, dimensions)
        read_so_far = 0
        while line := lines.read():
            if read_so_far == 0 and not _is_row(line, width) and _is_binary(line + lines.rest()):
                raise lines.place.wrong(_CONVERSION)
            if read_so_far == count:
                raise lines.wrong(f"more than the {count:,} words that line 1 says")
            # word2vec and fastText end a line with a space.
            yield row_of(lines.text(line).rstrip(" "), width, lines)
            read_so_far += 1
        if read_so_far < count:
            raise lines.wrong(
                f"cut off: {read_so_far:,} words, but line 1 says {count:,}; fetch the file again"
            )


def _header(lines: TextLines, wanted: int | None) -> tuple[int, int]:
    header = HEADER.fullmatch(lines.read())
    if header is None:
        raise InputError(
            'not word2vec\'s text format, whose first line is "count dimensions"; '
            "without that line it may be --format glove",
            source=lines.place.source,
            record=lines.place.record,
            line=1,
        )
    count, dimensions = int(header[1]), int(header[2])
    if problem := dimensions_problem(dimensions, wanted):
        raise lines.wrong(problem)
    return count, dimensions


def _is_row(line: bytes, dimensions: int) -> bool:
    """Whether a line ends in as many numbers as it should."""
    numbers = line.rstrip(b" \r\n").rsplit(b" ", dimensions)[1:]
    try:
        return len([float(number) for number in numbers]) == dimensions
    except ValueError:
        return False


def _is_binary(data: bytes) -> bool:
    """Whether data hold what no text has: control characters, or bytes that are not UTF-8."""
    if any(byte < ord(" ") and byte not in _TEXT for byte in data):
        return True
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        # The last character may have been cut.
        return error.start < len(data) - _LONGEST_CHARACTER
    return False


def recognises(source: str) -> bool:
    """By the first line; the binary format has the same one, and is refused when it is read."""
    return Path(source).is_file() and HEADER.fullmatch(first_line(source)) is not None


FORMAT = VectorFormat(
    name="word2vec",
    description="word2vec's and fastText's text, with its header line; plain, .gz, .zst or .zip",
    recognises=recognises,
    read=read,
)
