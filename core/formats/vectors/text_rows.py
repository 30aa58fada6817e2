"""Lines `word v1 … vn` of GloVe and word2vec files."""

from __future__ import annotations

from core.formats.vectors.first_lines import FEWEST_NUMBERS, HEADER
from core.formats.vectors.format import Vector, dimensions_problem, pair_of
from core.formats.vectors.text_lines import TextLines


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
