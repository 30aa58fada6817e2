"""Text files inside zip archives, read as streams without unpacking them to disk.

Names in an archive are only used in messages. Its sizes are not trusted, and its table of contents
can have at most `_LONGEST_READ` bytes.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from core.errors import InputError
from core.formats.vectors.first_lines import dimensions_said
from core.formats.vectors.format import Place, label

ZIP = ".zip"
_TEXTS = (".txt", ".vec")
_MOST_TEXTS = 50
_LONGEST_READ = 2**20
_FIRST_BYTES = 2**20
_ENCRYPTED = 0x1
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Supported compression. zipfile needs unlimited memory for other methods."""
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    OverflowError,
    ValueError,
    struct.error,
)
"""Exceptions of zipfile for a damaged archive."""


class _BoundedFile(io.FileIO):
    """A file whose reads return at most `_LONGEST_READ` bytes."""

    def read(self, size: int | None = -1, /) -> bytes:
        """Read like any file; raise `BadZipFile` if there are more bytes."""
        wanted = _LONGEST_READ + 1 if size is None or size < 0 else size
        data = super().read(min(wanted, _LONGEST_READ + 1))
        if data is not None and len(data) > _LONGEST_READ:
            raise zipfile.BadZipFile("its table of contents is too long")
        return data or b""


@contextmanager
def open_member(
    path: Path, dimensions: int | None, line: Callable[[], int | None]
) -> Iterator[tuple[str, IO[bytes]]]:
    """Open the text file with vectors of `dimensions`; None if the archive has only one.

    Yields its name and content. Raises `InputError` if there is no such file, if there are several,
    or if the archive cannot be read. `line` returns the line for the message.
    """
    with _archive(path, line) as archive:
        member = _chosen(path, archive, dimensions)
        with _content(archive, member) as content:
            yield label(member.filename), content


def first_line_of_table(path: Path) -> bytes:
    """The first line of the first file with vectors, empty if there is no such file."""
    with _archive(path, lambda: None) as archive:
        for member in _texts(path, archive):
            first = _first_line(archive, member)
            if dimensions_said(first) is not None:
                return first
    return b""


@contextmanager
def _archive(path: Path, line: Callable[[], int | None]) -> Iterator[zipfile.ZipFile]:
    try:
        with _BoundedFile(path) as file, zipfile.ZipFile(cast(IO[bytes], file)) as archive:
            yield archive
    except _BROKEN as error:
        raise InputError(
            f"not a whole zip archive ({label(str(error))}); fetch it again",
            source=path,
            line=line(),
        ) from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", source=path) from error


@contextmanager
def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
    with archive.open(member) as packed:
        # Reading lines directly from zipfile is slow.
        yield cast(IO[bytes], io.BufferedReader(cast(io.RawIOBase, packed), _LONGEST_READ // 16))


def _texts(path: Path, archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The text files in it that can be read."""
    texts = [member for member in archive.infolist() if member.filename.lower().endswith(_TEXTS)]
    if len(texts) > _MOST_TEXTS:
        raise InputError(
            f"holds {len(texts):,} text files; unpack the one with the vectors", source=path
        )
    for member in texts:
        place = Place(path, label(member.filename))
        if member.flag_bits & _ENCRYPTED:
            raise place.wrong("it is encrypted; unpack it and add the unpacked file")
        if member.compress_type not in _PACKED:
            raise place.wrong("not packed as deflate does; unpack it and add the unpacked file")
    return texts


def _first_line(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with _content(archive, member) as content:
        return content.readline(_FIRST_BYTES)


def _chosen(path: Path, archive: zipfile.ZipFile, dimensions: int | None) -> zipfile.ZipInfo:
    texts = _texts(path, archive)
    if not texts:
        raise InputError(f"holds no file of word vectors ({' or '.join(_TEXTS)})", source=path)
    if len(texts) == 1:
        return texts[0]
    tables = [(member, dimensions_said(_first_line(archive, member))) for member in texts]
    fitting = [
        member for member, found in tables if found is not None and dimensions in (None, found)
    ]
    if len(fitting) == 1:
        return fitting[0]
    there = ", ".join(
        f"{label(member.filename)} ({'no vectors' if found is None else f'{found} dimensions'})"
        for member, found in tables
    )
    problem = "holds several tables" if dimensions is None else f"{len(fitting)} tables fit"
    raise InputError(f"{problem}; choose one with --dimensions: {there}", source=path)
