"""Recognise word vectors by the first line of a text file."""

from __future__ import annotations

import re

HEADER = re.compile(rb"(?:\xef\xbb\xbf)?(\d{1,12}) (\d{1,6})[ \r\n]*")
"""The first line of word2vec files: number of words, dimensions."""
FEWEST_NUMBERS = 2
"""Minimum numbers of a first line without a header; a shorter line can be anything."""


def dimensions_said(first: bytes) -> int | None:
    """The dimensions of a first line, a header or a row; None if it is neither."""
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
