"""Lines of UTF-8 text, for the taxonomy formats that are read line by line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from core.errors import InputError
from core.text.line_files import opened

_LONGEST = 2**20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a file, plain, `.gz` or `.zst`, without their ends, numbered from 1.

    A line ends with LF, CR or both. Raises `InputError` for a line that is no UTF-8 text, that
    holds a NUL byte, or that is longer than 1 MiB.
    """
    number = 0
    with opened(path, lambda: number + 1) as file:
        while raw := file.readline(_LONGEST + 1):
            if len(raw) > _LONGEST:
                raise InputError(
                    f"longer than {_LONGEST // 2**20} MiB; is this a taxonomy?",
                    source=path,
                    line=number + 1,
                )
            if not number:
                raw = raw.removeprefix(_BYTE_ORDER_MARK)
            for part in raw.removesuffix(b"\n").removesuffix(b"\r").split(b"\r"):
                number += 1
                yield number, _decoded(part, path, number)


def _decoded(line: bytes, path: Path, number: int) -> str:
    if b"\0" in line:
        raise InputError("holds a NUL byte; save the file as UTF-8 text", source=path, line=number)
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise InputError(
            "is not UTF-8 text; convert the file to UTF-8", source=path, line=number
        ) from error
