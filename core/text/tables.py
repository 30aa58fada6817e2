"""Rows of CSV and TSV, read from lines as they come."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from core.errors import InputError
from core.text.line_files import LONGEST_LINE, decoded
from core.text.plain_text import printable

_MOST_LINES = 100_000
_QUOTES = "mend the quotes, or use --no-quotes if they are part of the text"


def rows_of(
    lines: Iterable[tuple[int, bytes]], source: str | Path, delimiter: str, *, quotes: bool = True
) -> Iterator[tuple[int, list[str]]]:
    """Each row with the number of the line that it begins in; blank lines are none.

    The csv module asks for one line after the other, so that a stream stays one. Raises
    `InputError` for what is no table, and for a row of more than `LONGEST_LINE` bytes or
    100,000 lines, which a quote that nothing closes makes.
    """
    csv.field_size_limit(LONGEST_LINE)
    began, size = 1, 0

    def text() -> Iterator[str]:
        nonlocal size
        for number, line in lines:
            size += len(line)
            if size > LONGEST_LINE or number - began >= _MOST_LINES:
                raise InputError(
                    f"a row of more than {LONGEST_LINE // 2**20} MiB or {_MOST_LINES:,} lines; "
                    + _QUOTES,
                    source=source,
                    line=began,
                )
            yield decoded(line, source, number)

    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
    reader = csv.reader(text(), delimiter=delimiter, quoting=quoting, strict=quotes)
    try:
        for row in reader:
            if row:
                yield began, row
            began, size = reader.line_num + 1, 0
    except csv.Error as error:
        raise InputError(
            f"no readable table from here on ({printable(str(error))}); {_QUOTES}",
            source=source,
            line=began,
        ) from error
