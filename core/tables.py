"""Rows of CSV and TSV, read from lines as they come."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from core.errors import InputError
from core.line_files import LONGEST_LINE


def decoded(line: bytes, source: str | Path, number: int) -> str:
    """A line as text; raise `InputError` if it is not UTF-8."""
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"not UTF-8 at byte {error.start}; convert the file to UTF-8",
            source=source,
            line=number,
        ) from error


def rows_of(
    lines: Iterable[tuple[int, bytes]], source: str | Path, delimiter: str, *, quotes: bool = True
) -> Iterator[tuple[int, list[str]]]:
    """Each row with the number of the line that it begins in; blank lines are none.

    The csv module asks for one line after the other, so that a stream stays one. Raises
    `InputError` for what is no table.
    """
    csv.field_size_limit(LONGEST_LINE)
    text = (decoded(line, source, number) for number, line in lines)
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
    reader = csv.reader(text, delimiter=delimiter, quoting=quoting, strict=quotes)
    began = 1
    try:
        for row in reader:
            if row:
                yield began, row
            began = reader.line_num + 1
    except csv.Error as error:
        remedy = "mend the quotes, or use --no-quotes if they are part of the text"
        raise InputError(
            f"no readable table from here on ({error}); {remedy}", source=source, line=began
        ) from error
