"""What the first line of a text file says about the word vectors in it."""

from __future__ import annotations

import re

HEADER = re.compile(rb"(?:\xef\xbb\xbf)?(\d{1,12}) (\d{1,6})[ \r\n]*")
"""Word2vec's first line: how many words, how many dimensions."""
FEWEST_NUMBERS = 2
"""On a line without a header before it; a line of less may be anything."""


def dimensions_said(first: bytes) -> int | None:
    """The dimensions that a first line says, as a header or as a row; None if it is neither."""
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
