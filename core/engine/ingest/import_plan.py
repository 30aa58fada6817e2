"""What an import was asked for, and what that comes to: format, files, split, way of reading."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path

from core.corpus.documents import Document, Split
from core.corpus.label_rules import UNKNOWN_LABELS
from core.errors import HTransError
from core.formats.corpus import format_named, guess_format
from core.formats.corpus.format import CorpusFormat, ReadingOptions
from core.formats.corpus.reading import Prepared, Reading, read_prepared, usual_processes
from core.formats.corpus.splitting import Splitting, splits_by_name
from core.formats.taxonomy import MULTIPLE_PARENTS

MAX_WORDS = 1_000_000


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What to import. `sources` and `test_sources` are paths or names of embedded corpora.

    `unknown_labels` says what becomes of a label that is not in the taxonomy: "error", "drop", or
    "top-level", which makes it a category without a parent. Categories with fewer than
    `min_positives` training documents are left out. `max_words` of each document are tokenised.
    `processes` read at once, None: one for each core.
    """

    name: str
    sources: tuple[str, ...]
    test_sources: tuple[str, ...] = ()
    format: str | None = None
    taxonomy: Path | None = None
    taxonomy_format: str | None = None
    multiple_parents: str = "error"
    unknown_labels: str = "error"
    min_positives: int = 0
    language: str = "en"
    max_words: int = 100
    options: ReadingOptions = field(default_factory=ReadingOptions)
    test_from: date | None = None
    test_fraction: float | None = None
    split_seed: int = 0
    processes: int | None = None

    def check(self) -> None:
        """Raise `HTransError` naming the option for what cannot be."""
        if not self.name.strip() or not self.name.isprintable():
            raise HTransError("--name: give the corpus a name of printable characters")
        if self.unknown_labels not in UNKNOWN_LABELS:
            raise HTransError(f"--unknown-labels: use one of {', '.join(UNKNOWN_LABELS)}")
        if self.multiple_parents not in MULTIPLE_PARENTS:
            raise HTransError(f"--multiple-parents: use one of {', '.join(MULTIPLE_PARENTS)}")
        if not self.sources:
            raise HTransError("name at least one source to import")
        ways = {
            "--test": bool(self.test_sources),
            "--test-from": self.test_from is not None,
            "--test-fraction": self.test_fraction is not None,
        }
        chosen = [name for name, given in ways.items() if given]
        if len(chosen) > 1:
            raise HTransError(f"{' and '.join(chosen)} both say what is for test; choose one")
        if self.test_fraction is not None and not 0 <= self.test_fraction < 1:
            raise HTransError("--test-fraction: a number from 0 to below 1")
        if not 1 <= self.max_words <= MAX_WORDS:
            raise HTransError(f"--max-words: a number from 1 to {MAX_WORDS:,}")
        if self.min_positives < 0 or (self.processes is not None and self.processes < 1):
            raise HTransError("--min-positives is 0 or more, --processes 1 or more")


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a source, or the source itself; `split` is what its name says."""

    name: str
    source: str
    is_test: bool
    split: Split | None


class ImportPlan:
    """A request whose sources have been looked at, but not read."""

    def __init__(self, request: ImportRequest) -> None:
        """Raise `HTransError` for what the request cannot be, or a source that is not there."""
        request.check()
        self.request = request
        self.format = _format(request)
        self.splitting = Splitting(
            request.test_from,
            request.test_fraction,
            request.split_seed,
            bool(request.test_sources),
        )
        self.parts = self._parts()

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the request and of size and time of every file: what makes it the same again.

        How many processes read makes no difference.
        """
        asked = dataclasses.asdict(dataclasses.replace(self.request, processes=None))
        digest = hashlib.sha256(json.dumps(asked, default=str, sort_keys=True).encode())
        files = [
            *self.request.sources,
            *self.request.test_sources,
            *filter(None, (self.request.taxonomy, self.request.options.label_file)),
        ]
        for name in map(str, files):
            for path, size, changed in _stats(Path(name)):
                digest.update(f"{path}\0{size}\0{changed}\n".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()

    def read(
        self, *, texts: bool = True, lenient: bool = False, skip: int = 0
    ) -> Iterator[Prepared]:
        """Read all parts, but for the first `skip` records; without `texts` only labels."""
        request = self.request
        reading = Reading(
            self.format.name,
            request.options,
            request.language,
            request.max_words if texts else None,
            lenient,
        )
        processes = request.processes or usual_processes()
        yield from read_prepared(reading, [part.name for part in self.parts], processes, skip)

    def split(self, document: Document, part: int) -> tuple[Split, bool]:
        """The split of a document of a part, and whether it was drawn for want of a stated one."""
        there = self.parts[part]
        if there.is_test and document.split != "unused":
            return "test", False
        return self.splitting.split(document, there.split)

    def _parts(self) -> list[Part]:
        files = [
            (file, source, is_test)
            for sources, is_test in (
                (self.request.sources, False),
                (self.request.test_sources, True),
            )
            for source in sources
            for file in self.format.parts(source)
        ]
        named = splits_by_name(file for file, _, is_test in files if not is_test)
        return [Part(file, source, is_test, named.get(file)) for file, source, is_test in files]


def _format(request: ImportRequest) -> CorpusFormat:
    if request.format is not None:
        return format_named(request.format)
    formats = {guess_format(source).name for source in (*request.sources, *request.test_sources)}
    if len(formats) > 1:
        raise HTransError(
            f"the sources have different formats ({', '.join(sorted(formats))}); "
            "import them as corpora of their own"
        )
    return format_named(formats.pop())


def _stats(path: Path) -> Iterator[tuple[str, int, int]]:
    """Name, size and time of change of a file, or of all in a folder."""
    try:
        if path.is_dir():
            for folder, folders, names in os.walk(path):
                folders.sort()
                for name in sorted(names):
                    yield from _stats(Path(folder, name))
        elif path.exists():
            there = path.stat()
            yield str(path), there.st_size, there.st_mtime_ns
    except OSError:  # whoever reads it says so
        return
