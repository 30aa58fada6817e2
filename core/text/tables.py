"""Read CSV and TSV rows from a stream of lines."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from core.errors import InputError
from core.text.line_files import MAX_LINE_BYTES, decoded
from core.text.plain_text import printable

_MAX_LINES = 100_000
_QUOTES = "fix the quotes, or use --no-quotes if they are part of the text"


def rows_of(
    lines: Iterable[tuple[int, bytes]], source: str | Path, delimiter: str, *, quotes: bool = True
) -> Iterator[tuple[int, list[str]]]:
    """Parse rows; yield each with the number of its first line. Skips blank lines.

    Args:
        lines: Numbered lines. They are read lazily.
        source: Name of the source for error messages.
        delimiter: Column separator.
        quotes: False if quotes are part of the text.

    Raises:
        InputError: If the input is not a table, or a row has more than `MAX_LINE_BYTES` bytes or
            100,000 lines, which an unclosed quote causes.
    """
    csv.field_size_limit(MAX_LINE_BYTES)
    first_line, size = 1, 0

    def text() -> Iterator[str]:
        nonlocal size
        for line_no, line in lines:
            size += len(line)
            if size > MAX_LINE_BYTES or line_no - first_line >= _MAX_LINES:
                raise InputError(
                    f"a row of more than {MAX_LINE_BYTES // 2**20} MiB or {_MAX_LINES:,} lines; "
                    + _QUOTES,
                    source=source,
                    line=first_line,
                )
            yield decoded(line, source, line_no)

    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
    reader = csv.reader(text(), delimiter=delimiter, quoting=quoting, strict=quotes)
    try:
        for row in reader:
            if row:
                yield first_line, row
            first_line, size = reader.line_num + 1, 0
    except csv.Error as error:
        raise InputError(
            f"no readable table from here on ({printable(str(error))}); {_QUOTES}",
            source=source,
            line=first_line,
        ) from error
