"""Lines of UTF-8 text, for the taxonomy formats that are read line by line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from core.errors import InputError
from core.text.line_files import opened

_MAX_LINE_BYTES = 2**20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class TextLines:
    """The lines of a plain, `.gz` or `.zst` file without their ends. Skips blank lines.

    A line ends with LF, CR or both. `number` is the number of the last line read, from 1.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        with opened(self.path, lambda: self.number + 1) as file:
            while raw := file.readline(_MAX_LINE_BYTES + 1):
                if len(raw) > _MAX_LINE_BYTES:
                    self.number += 1
                    raise self.wrong("longer than 1 MiB; is this a taxonomy?")
                if not self.number:
                    raw = raw.removeprefix(_BYTE_ORDER_MARK)
                for part in raw.removesuffix(b"\n").removesuffix(b"\r").split(b"\r"):
                    self.number += 1
                    line = text_of(part, self.path, self.number)
                    if line.strip():
                        yield line

    def wrong(self, problem: str) -> InputError:
        """Create the error for the last line read."""
        return InputError(problem, source=self.path, line=self.number)


def text_of(content: bytes, path: Path, first_line: int = 1) -> str:
    """Decode UTF-8. Raise `InputError` with the line of a NUL byte or of invalid UTF-8."""
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        index, problem = error.start, "is not UTF-8 text; convert the file to UTF-8"
    else:
        index, problem = content.find(b"\0"), "holds a NUL byte; save the file as UTF-8 text"
        if index < 0:
            return text
    line = first_line + content.count(b"\n", 0, index)
    raise InputError(problem, source=path, line=line)
