"""Tables as CSV files (RFC 4180)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from core.errors import HTransError
from core.files import write_bytes


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Write a table and return how many rows it has; what is None stays empty.

    Raises `HTransError` if the file exists, or cannot be written.
    """
    if path.exists():
        raise HTransError(f"{path}: exists already; choose another name")
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    number = 0
    for row in rows:
        writer.writerow(row)
        number += 1
    write_new(path, text.getvalue())
    return number


def write_new(path: Path, text: str) -> None:
    """Write a text file that does not exist yet; raise `HTransError` where that cannot be."""
    if path.exists():
        raise HTransError(f"{path}: exists already; choose another name")
    try:
        write_bytes(path, text.encode())
    except OSError as error:
        raise HTransError(f"{path}: cannot be written: {error.strerror}") from error
