"""Text files inside zip archives, read as streams without unpacking them to disk.

Names in an archive are only used in messages.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from core.errors import InputError
from core.formats.vectors.format import dimensions_said, label
from core.text.line_files import naming

ZIP = ".zip"
_TEXTS = (".txt", ".vec")
_BUFFER_BYTES = 2**16
_FIRST_BYTES = 2**20
_ENCRYPTED = 1
"""Bit of the flags of an encrypted member."""


@contextmanager
def open_member(path: Path, dimensions: int | None) -> Iterator[tuple[str, IO[bytes]]]:
    """Open the text file with vectors of `dimensions`; None if the archive has only one.

    Yields its name and content. Raises `InputError` if there is no such file, if there are several,
    or if the archive cannot be read.
    """
    with _archive(path) as archive:
        member = _chosen(path, archive, dimensions)
        with _content(archive, member) as content:
            yield label(member.filename), content


def first_line_of_table(path: Path) -> bytes:
    """The first line of the first file with vectors, empty if there is no such file."""
    with _archive(path) as archive:
        for member in _texts(archive):
            first = _first_line(archive, member)
            if dimensions_said(first) is not None:
                return first
    return b""


@contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    with naming(path, "not a whole zip archive"), zipfile.ZipFile(path) as archive:
        yield archive


@contextmanager
def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[IO[bytes]]:
    if member.flag_bits & _ENCRYPTED:
        raise InputError(
            f"{label(member.filename)} is encrypted; unpack it and give the text file",
            source=str(archive.filename),
        )
    with archive.open(member) as packed:
        # Reading lines directly from zipfile is slow.
        yield cast(IO[bytes], io.BufferedReader(cast(io.RawIOBase, packed), _BUFFER_BYTES))


def _texts(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    return [member for member in archive.infolist() if member.filename.lower().endswith(_TEXTS)]


def _first_line(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with _content(archive, member) as content:
        return content.readline(_FIRST_BYTES)


def _chosen(path: Path, archive: zipfile.ZipFile, dimensions: int | None) -> zipfile.ZipInfo:
    texts = _texts(archive)
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
