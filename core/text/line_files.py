"""Lines of a text file that may be compressed, in bounded memory."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from core.errors import InputError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LONGEST_LINE = 64 * 1024 * 1024
"""Bytes; a longer line is no document."""
COMPRESSED = ("", ".gz", ".zst")
"""What may follow the ending of a file that is read line by line."""


def without_compression(name: str) -> str:
    """A file's name without `.gz` or `.zst`, in lower case."""
    lower = name.lower()
    return next((lower.removesuffix(end) for end in COMPRESSED[1:] if lower.endswith(end)), lower)


@contextmanager
def opened(path: Path, line: Callable[[], int | None] = lambda: None) -> Iterator[IO[bytes]]:
    """The bytes of a file, uncompressed if its name ends with `.gz` or `.zst`.

    Raises `InputError` for what cannot be read and for what is not whole; `line` says where.
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


def _size(count: int) -> str:
    return f"{count // 2**20} MiB" if count >= 2**20 else f"{count:,} bytes"


def lines_of(path: Path, longest: int = LONGEST_LINE) -> Iterator[tuple[int, bytes]]:
    """The lines of a file, plain, `.gz` or `.zst`, with their numbers from 1.

    Raises `InputError` for a line of more than `longest` bytes, of which no more are read.
    """
    number = 0
    with opened(path, lambda: number + 1) as file:
        while line := file.readline(longest + 1):
            number += 1
            if len(line) > longest:
                raise InputError(
                    f"longer than {_size(longest)}; is it the right file, and has it line ends?",
                    source=path,
                    line=number,
                )
            yield number, line


def decoded(line: bytes, source: str | Path, number: int) -> str:
    """A line as text; raise `InputError` if it is not UTF-8."""
    try:
        return line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise InputError(
            f"not UTF-8 at byte {error.start}; convert the file to UTF-8",
            source=source,
            line=number,
        ) from error
