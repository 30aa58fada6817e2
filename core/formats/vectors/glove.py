"""GloVe's text format: a line is a word and its numbers."""

from __future__ import annotations

from pathlib import Path

from core.formats.vectors.format import HEADER, Pairs, VectorFormat, dimensions_said
from core.formats.vectors.text_lines import first_line, open_lines, row_of, width_of_first
from core.text.line_files import without_compression

_SUFFIXES = (".txt", ".vec", ".zip")


def read(source: str, dimensions: int | None = None) -> Pairs:
    """Yield word and vector of each line `word v1 … vn`; the first line says what n is.

    From a plain file, `.gz`, `.zst`, or of the official `.zip` the file with `dimensions`. Raises
    `InputError` with the line for anything else.
    """
    with open_lines(source, dimensions) as lines:
        width = 0
        for line in lines:
            width = width or width_of_first(line, dimensions, lines)
            yield row_of(line, width, lines)


def recognises(source: str) -> bool:
    """By the first line, or by the name of a text file whose first line is no header."""
    if not Path(source).is_file():
        return False
    first = first_line(source)
    if HEADER.fullmatch(first):
        return False
    return without_compression(source).endswith(_SUFFIXES) or dimensions_said(first) is not None


FORMAT = VectorFormat(
    name="glove",
    description="GloVe's text, plain, .gz, .zst or in its official .zip",
    recognises=recognises,
    read=read,
)
