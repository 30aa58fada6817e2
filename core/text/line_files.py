"""Read lines of plain or compressed text files in bounded memory."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from core.errors import HTransError, InputError
from core.text.plain_text import printable

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAX_LINE_BYTES = 64 * 1024 * 1024
"""Maximum length of a line in bytes."""
COMPRESSED = ("", ".gz", ".zst")
"""Compression suffixes of files that are read line by line."""


def without_compression(name: str) -> str:
    """Remove `.gz` or `.zst` from a file name and convert it to lower case."""
    lower = name.lower()
    return next((lower.removesuffix(end) for end in COMPRESSED[1:] if lower.endswith(end)), lower)


@contextmanager
def opened(path: Path, line: Callable[[], int | None] = lambda: None) -> Iterator[IO[bytes]]:
    """Open a file for reading; decompress it if its name ends with `.gz` or `.zst`.

    Args:
        path: The file.
        line: Returns the current line number for error messages.

    Raises:
        InputError: If the file cannot be read, or is truncated or damaged.
    """
    suffix = path.suffix.lower()
    try:
        with path.open("rb") as raw:
            if suffix == ".gz":
                with gzip.open(raw, "rb") as unpacked:
                    yield cast(IO[bytes], unpacked)
            elif suffix == ".zst":
                with zstd.open(raw, "rb") as unpacked:
                    yield cast(IO[bytes], unpacked)
            else:
                yield raw
    except (gzip.BadGzipFile, EOFError, zlib.error, zstd.ZstdError) as error:
        kind = "zstd" if suffix == ".zst" else "gzip"
        raise InputError(
            f"not a whole {kind} file ({error}); fetch or compress it again",
            source=path,
            line=line(),
        ) from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", source=path) from error


@contextmanager
def naming(source: str | Path, problem: str, remedy: str = "fetch it again") -> Iterator[None]:
    """Convert exceptions of a parser to an `InputError` that names the file.

    Args:
        source: The file, or the record in it.
        problem: What a damaged file is not, such as "not a whole zip archive".
        remedy: What to do about a damaged file.
    """
    try:
        yield
    except (HTransError, MemoryError):
        raise
    except Exception as error:  # parsers raise many kinds for a damaged file
        if isinstance(error, OSError) and error.strerror:
            raise InputError(f"cannot be read: {error.strerror}", source=source) from error
        reason = printable(" ".join(str(error).split()))[:200] or type(error).__name__
        raise InputError(f"{problem} ({reason}); {remedy}", source=source) from error


def first_bytes(path: Path, count: int) -> bytes:
    """Read up to `count` bytes of a plain, `.gz` or `.zst` file."""
    content = bytearray()
    with opened(path) as file:
        while len(content) < count and (chunk := file.read(min(2**20, count - len(content)))):
            content += chunk
    return bytes(content)


def _size(count: int) -> str:
    return f"{count // 2**20} MiB" if count >= 2**20 else f"{count:,} bytes"


def lines_of(path: Path, longest: int = MAX_LINE_BYTES) -> Iterator[tuple[int, bytes]]:
    """Iterate over the lines of a plain, `.gz` or `.zst` file with their numbers, from 1.

    Raises:
        InputError: If a line is longer than `longest` bytes. The rest of the line is not read.
    """
    line_no = 0
    with opened(path, lambda: line_no + 1) as file:
        while line := file.readline(longest + 1):
            line_no += 1
            if len(line) > longest:
                raise InputError(
                    f"longer than {_size(longest)}; check that it is the right file and has line "
                    "breaks",
                    source=path,
                    line=line_no,
                )
            yield line_no, line


def decoded(line: bytes, source: str | Path, line_no: int) -> str:
    """Decode a line, without the byte order mark of line 1; raise `InputError` if not UTF-8."""
    try:
        return line.decode("utf-8-sig" if line_no == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"not UTF-8 at byte {error.start}; convert the file to UTF-8",
            source=source,
            line=line_no,
        ) from error
