"""The interface of corpus formats, and functions that they share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from core.corpus.documents import Document, Split
from core.corpus.taxonomy import Taxonomy
from core.errors import HTransError, InputError

SPLITS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "validation": "train",
    "valid": "train",
    "val": "train",
    "dev": "train",
    "test": "test",
}
"""Names of splits in a source. Each category draws its validation documents later."""


@dataclass(frozen=True, slots=True)
class ReadingOptions:
    """Fields of a record. Formats without fields ignore them.

    Text fields are joined by a blank line. The labels of all label fields are united.
    `label_file` names labels by number (csv, tsv, jsonl, parquet) or is a qrels file (lyrl2004).
    A table without a `header` has the fields 1, 2, 3 …
    """

    text_fields: tuple[str, ...] = ("text",)
    label_fields: tuple[str, ...] = ("labels",)
    id_field: str = "id"
    split_field: str = "split"
    date_field: str = "date"
    label_separator: str | None = None
    label_file: Path | None = None
    header: bool = True
    quotes: bool = True


@dataclass(frozen=True, slots=True)
class Record:
    """An unparsed document.

    `content` can be sent to another process, where it occupies about `size` bytes.
    """

    content: Any
    size: int


Parse = Callable[[Any], Document]
"""Parses the content of a record; raises `InputError` with file and line."""


@dataclass(frozen=True, slots=True)
class CorpusFormat:
    """A reader of documents from a path or from the demo corpus.

    `recognises` inspects the beginning of a source. `records` splits a file into records in one
    process; it must be fast. `parser` returns the function that parses a record in one of several
    processes. `parts` are the files of a source, whose names can state a split. `taxonomy` returns
    the taxonomy that a source contains. All raise `InputError`.
    """

    name: str
    description: str
    recognises: Callable[[str], bool]
    records: Callable[[str, ReadingOptions], Iterator[Record]]
    parser: Callable[[ReadingOptions], Parse]
    parts: Callable[[str], list[str]] = lambda source: [source]
    taxonomy: Callable[[str], Taxonomy] | None = None

    def read(self, source: str, options: ReadingOptions | None = None) -> Iterator[Document]:
        """Yield the documents of a source."""
        chosen = options or ReadingOptions()
        parse = self.parser(chosen)
        for part in self.parts(source):
            for record in self.records(part, chosen):
                yield parse(record.content)


def existing(source: str) -> Path:
    """Convert a source to a path; raise `HTransError` if it does not exist."""
    path = Path(source)
    try:
        there = path.exists()
    except (OSError, ValueError):
        there = False
    if not there:
        raise HTransError(f"{source}: no such file or folder; check the path")
    return path


def is_file(source: str) -> bool:
    """Whether a file of this name exists. Accepts any string."""
    try:
        return Path(source).is_file()
    except (OSError, ValueError):
        return False


def files_in(source: str, is_one: Callable[[str], bool]) -> list[str]:
    """The files of a format in a folder, sorted by name; a file itself."""
    path = existing(source)
    if not path.is_dir():
        return [source]
    found = [name for name in names_in(path) if is_file(name) and is_one(name)]
    if not found:
        raise InputError("a folder without a file of this format", source=path)
    return found


def names_in(folder: Path) -> list[str]:
    """Paths of the visible entries of a folder, sorted by name."""
    try:
        return sorted(str(child) for child in folder.iterdir() if child.name[0] != ".")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", source=folder) from error


def folders_of(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield a folder and its subfolders with their visible files, sorted by name.

    Links to folders are followed, and each folder is visited once. Raises `InputError` for a folder
    that cannot be read.
    """
    waiting = [str(path)]
    seen: set[tuple[int, int]] = set()
    while waiting:
        folder = waiting.pop()
        files: list[str] = []
        folders: list[str] = []
        try:
            identity = Path(folder).stat()
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name[0] != ".":
                        (folders if entry.is_dir() else files).append(entry.path)
        except OSError as error:
            raise InputError(f"cannot be read: {error.strerror}", source=folder) from error
        if (identity.st_dev, identity.st_ino) not in seen:
            seen.add((identity.st_dev, identity.st_ino))
            yield folder, sorted(files)
            waiting += sorted(folders, reverse=True)


def any_in(source: str, is_one: Callable[[str], bool]) -> bool:
    """Whether a source is a folder that contains a file of a format."""
    try:
        path = Path(source)
        return path.is_dir() and any(
            is_one(str(child)) for child in path.iterdir() if child.name[0] != "."
        )
    except (OSError, ValueError):
        return False


def is_blank(value: object) -> bool:
    """Whether a field is empty."""
    return value is None or (isinstance(value, str) and not value.strip())


def split_of(value: object, location: str) -> Split | None:
    """Parse a split; None if the field is empty."""
    if is_blank(value):
        return None
    if not isinstance(value, str) or value.strip().lower() not in SPLITS:
        raise InputError(
            f"the split {_short(value)} is unknown; use one of {', '.join(SPLITS)}",
            source=location,
        )
    return SPLITS[value.strip().lower()]


def date_of(value: object, location: str) -> date | None:
    """Parse an ISO 8601 date; None if the field is empty."""
    if is_blank(value):
        return None
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        if isinstance(value, str | int):
            return datetime.fromisoformat(str(value).strip()).date()
    except ValueError:
        pass
    raise InputError(
        f"{_short(value)} is no date; write YYYY-MM-DD, or name another --date-field",
        source=location,
    )


def _short(value: object) -> str:
    """A value for an error message; only the type of lists and objects, which can be large."""
    return repr(str(value)[:40]) if isinstance(value, str | int | float) else type(value).__name__
