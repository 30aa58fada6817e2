"""What every corpus format offers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.documents import Document
from core.errors import HTransError
from core.taxonomy import Taxonomy


@dataclass(frozen=True, slots=True)
class CorpusFormat:
    """A reader: streams documents from a source, which is a path or an embedded corpus's name.

    `recognises` looks at the source without reading it whole. `read` raises `InputError` naming
    file and line. `taxonomy`, where there is one, gives the taxonomy that the source brings along.
    """

    name: str
    description: str
    recognises: Callable[[str], bool]
    read: Callable[[str], Iterator[Document]]
    taxonomy: Callable[[str], Taxonomy] | None = None


def existing(source: str) -> Path:
    """`source` as a path that exists; raise `HTransError` otherwise."""
    path = Path(source)
    if not path.exists():
        raise HTransError(f"{source}: no such file or folder; check the path")
    return path
