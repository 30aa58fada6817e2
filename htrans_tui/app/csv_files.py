"""Writing of tables as CSV files (RFC 4180)."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from core.errors import HTransError
from core.files import write_bytes


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Write a table to a new file. Cells that are None stay empty.

    Returns:
        The number of rows.

    Raises:
        HTransError: If the file exists or cannot be written.
    """
    if path.exists():
        raise HTransError(f"{path}: already exists; choose another name")
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    count = 0
    for row in rows:
        writer.writerow(row)
        count += 1
    write_new(path, text.getvalue())
    return count


def write_new(path: Path, text: str) -> None:
    """Write a new text file. Raises `HTransError` if it exists or cannot be written."""
    if path.exists():
        raise HTransError(f"{path}: already exists; choose another name")
    try:
        write_bytes(path, text.encode())
    except OSError as error:
        raise HTransError(f"{path}: cannot be written: {error.strerror}") from error
