"""The interface of taxonomy formats, and the sample by which they recognise a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from core.corpus.taxonomy import Edge
from core.errors import InputError
from core.text.line_files import opened, without_compression

_SAMPLE_BYTES = 64 * 1024


@dataclass(frozen=True)
class Sample:
    """The name and the first kilobytes of a file.

    `name` is in lower case and without `.gz` or `.zst`; `text` is decoded leniently.
    """

    name: str
    text: str

    @cached_property
    def lines(self) -> list[str]:
        """Non-blank lines with their indentation."""
        return [line for line in self.text.splitlines() if line.strip()]


@dataclass(frozen=True, slots=True)
class TaxonomyFormat:
    """A reader of the edges of a taxonomy, in file order.

    `edges` takes the path and the preferred language of names, which only some formats support. A
    category can occur several times with different parents. Raises `InputError` with file and line.
    """

    name: str
    description: str
    recognises: Callable[[Sample], bool]
    edges: Callable[[Path, str | None], Iterable[Edge]]


def sample_of(path: Path) -> Sample:
    """Read the sample of a plain, `.gz` or `.zst` file; raise `InputError` if that fails."""
    try:
        if not path.is_file():
            reason = "it is no file" if path.exists() else "No such file or directory"
            raise InputError(f"cannot be read: {reason}", source=path)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", source=path) from error
    with opened(path) as file:
        start = file.read(_SAMPLE_BYTES + 1)
    if len(start) > _SAMPLE_BYTES:
        start = start[: start.rfind(b"\n") + 1] or start
    return Sample(without_compression(path.name), start.decode("utf-8-sig", errors="replace"))
