"""Inspect the beginning of a file of any size and content."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.formats.corpus.format import is_file
from core.text.line_files import opened

_BEGINNING = 64 * 1024


def beginning(source: str, size: int = _BEGINNING) -> bytes:
    """The first bytes of an uncompressed file, empty if it cannot be read."""
    if not is_file(source):
        return b""
    try:
        with opened(Path(source)) as file:
            return file.read(size)
    except InputError:
        return b""


def first_line(source: str) -> str:
    """The first non-blank line within the first 64 KiB."""
    text = beginning(source).decode("utf-8-sig", "replace")
    return next((line for line in text.split("\n") if line.strip()), "")


def first_record(source: str) -> dict[str, Any] | None:
    """The JSON object in the first line, by its keys alone where the line is too long to be read.

    None if there is none.
    """
    line = first_line(source).strip()
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        if not line.startswith("{") or len(line) < _BEGINNING // 8:
            return None
        return {key: None for key in ("doc_label", "doc_token") if f'"{key}"' in line}
    return record if isinstance(record, dict) else None
