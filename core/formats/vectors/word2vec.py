"""word2vec's text and binary format: a first line `count dimensions`, then words and numbers.

gensim reads both too, but builds the whole table in memory.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from core.errors import InputError
from core.formats.vectors.format import (
    HEADER,
    MAX_WORD_LENGTH,
    Pairs,
    VectorFormat,
    dimensions_problem,
    pair_of,
)
from core.formats.vectors.text_lines import TextLines, first_line, open_lines, row_of

_TEXT = frozenset(b"\t\n\r")
_LONGEST_CHARACTER = 4
_MAX_WORD_BYTES = _LONGEST_CHARACTER * MAX_WORD_LENGTH
_SAMPLE_BYTES = 4096
_CHUNK_BYTES = 2**18


def read(source: str, dimensions: int | None = None) -> Pairs:
    """Yield words and vectors of the text or the binary format.

    The file is plain, `.gz`, `.zst` or `.zip`. fastText writes the same text format. Raises
    `InputError` with the line, or with the number of the word in the binary format.
    """
    with open_lines(source, dimensions) as lines:
        count, width = _header(lines, dimensions)
        read_so_far = 0
        while line := lines.read():
            if read_so_far == 0 and not _is_row(line, width):
                start = line + lines.read_bytes(_SAMPLE_BYTES)
                if _is_binary(start):
                    yield from _binary_rows(start, count, width, lines)
                    return
            if read_so_far == count:
                raise lines.wrong(f"more than the {count:,} words that line 1 says")
            # word2vec and fastText end a line with a space.
            yield row_of(lines.text(line).rstrip(" "), width, lines)
            read_so_far += 1
        if read_so_far < count:
            raise lines.wrong(
                f"cut off: {read_so_far:,} words, but line 1 says {count:,}; fetch the file again"
            )


def _binary_rows(data: bytes, count: int, width: int, lines: TextLines) -> Pairs:
    """Yield rows `word SPACE float32 * width`. `data` holds the first bytes.

    word2vec ends each row with a line feed, gensim does not.
    """
    size = 4 * width
    longest = _MAX_WORD_BYTES + 2 + size
    begin = 0
    for number in range(1, count + 1):
        if len(data) - begin < longest:
            data, begin = data[begin:] + lines.read_bytes(longest + _CHUNK_BYTES), 0
        space = data.find(b" ", begin, begin + _MAX_WORD_BYTES + 2)
        end = space + 1 + size
        at = lines.location.at(f"word {number:,}")
        if space < 0 or end > len(data):
            raise at.wrong(
                f"cut off or damaged: line 1 says {count:,} words of {width:,} numbers; fetch the "
                "file again"
            )
        try:
            word = data[begin:space].lstrip(b"\n").decode()
        except UnicodeDecodeError as error:
            raise at.wrong(f"{error}; is it word2vec's binary format?") from error
        yield pair_of(word, np.frombuffer(data, "<f4", width, space + 1), at.wrong)
        begin = end
    if (data[begin:] + lines.read_bytes(_SAMPLE_BYTES)).strip(b"\n"):
        raise lines.location.wrong(f"more than the {count:,} words that line 1 says")


def _header(lines: TextLines, wanted: int | None) -> tuple[int, int]:
    header = HEADER.fullmatch(lines.read())
    if header is None:
        raise InputError(
            'not word2vec\'s text format, whose first line is "count dimensions"; '
            "without that line it may be --format glove",
            source=lines.location.source,
            record=lines.location.record,
            line=1,
        )
    count, dimensions = int(header[1]), int(header[2])
    if problem := dimensions_problem(dimensions, wanted):
        raise lines.wrong(problem)
    return count, dimensions


def _is_row(line: bytes, dimensions: int) -> bool:
    """Whether a line ends with `dimensions` numbers."""
    numbers = line.rstrip(b" \r\n").rsplit(b" ", dimensions)[1:]
    try:
        return len([float(number) for number in numbers]) == dimensions
    except ValueError:
        return False


def _is_binary(data: bytes) -> bool:
    """Whether data contain control characters or invalid UTF-8."""
    if any(byte < ord(" ") and byte not in _TEXT for byte in data):
        return True
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        # The last character may have been cut.
        return error.start < len(data) - _LONGEST_CHARACTER
    return False


def recognises(source: str) -> bool:
    """Recognise the first line, which both formats share."""
    return Path(source).is_file() and HEADER.fullmatch(first_line(source)) is not None


FORMAT = VectorFormat(
    name="word2vec",
    description="word2vec's text or binary file, or fastText's text; plain, .gz, .zst or .zip",
    recognises=recognises,
    read=read,
)
