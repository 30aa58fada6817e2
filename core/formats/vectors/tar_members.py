"""Files inside a gzipped tar archive, read as a stream: nothing is unpacked to disk.

Only plain files with a plain header are seen. Names are only labels; extended headers, of which
one could fill the memory, are passed over like the content of other files.
"""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from core.errors import InputError

_BLOCK = tarfile.BLOCKSIZE
_CHUNK = 2**20
_MOST_MEMBERS = 10_000
_PLAIN = (tarfile.REGTYPE, tarfile.AREGTYPE)


class _Member:
    """The content of a member, as long as its header says."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file = file
        self._left = size

    def read(self, size: int = -1) -> bytes:
        """The next bytes, at most `size`; raise `EOFError` if the archive ends before them."""
        wanted = self._left if size < 0 else min(size, self._left)
        data = self._file.read(min(wanted, _CHUNK))
        if wanted and not data:
            raise EOFError("the archive ends inside a file")
        self._left -= len(data)
        return data


@contextmanager
def open_member(
    path: Path, wanted: Callable[[str], bool], *, to_the_end: bool = False
) -> Iterator[tuple[str, IO[bytes]] | None]:
    """Name and content of the first file whose name is wanted, None if there is none.

    `to_the_end` reads what comes behind it too, where gzip has its checksum. Raises `InputError`
    for an archive that cannot be read.
    """
    try:
        with path.open("rb") as raw, gzip.open(raw, "rb") as archive:
            yield _found(cast(IO[bytes], archive), wanted)
            while to_the_end and archive.read(_CHUNK):
                pass
    except (gzip.BadGzipFile, EOFError, zlib.error, tarfile.TarError) as error:
        raise InputError(
            f"not a whole .tgz archive ({error}); fetch it again", source=path
        ) from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", source=path) from error


def _found(archive: IO[bytes], wanted: Callable[[str], bool]) -> tuple[str, IO[bytes]] | None:
    for _ in range(_MOST_MEMBERS):
        block = archive.read(_BLOCK)
        if not any(block):
            return None
        member = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        if member.size < 0:
            raise tarfile.ReadError("a file of negative size")
        if member.type in _PLAIN and wanted(member.name):
            return member.name, cast(IO[bytes], _Member(archive, member.size))
        content = _Member(archive, -(-member.size // _BLOCK) * _BLOCK)
        while content.read(_CHUNK):
            pass
    raise tarfile.ReadError(f"more than {_MOST_MEMBERS:,} files")
