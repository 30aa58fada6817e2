"""The request of an import, and its plan: format, files, split and reading options."""

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
    """The sources and options of an import.

    Attributes:
        name: Name of the corpus.
        sources: Paths, or names of embedded corpora.
        test_sources: Sources whose documents are test documents.
        format: Format of the sources; None to detect it.
        taxonomy: File of the taxonomy; None if the source contains it or the labels define it.
        taxonomy_format: Format of the taxonomy; None to detect it.
        multiple_parents: Treatment of categories with several parents.
        unknown_labels: Treatment of labels outside the taxonomy: "error", "drop" or "top-level",
            which adds them as top-level categories.
        min_positives: Categories with fewer training documents are omitted.
        language: Language code of the texts.
        max_words: Words of each document that are tokenised.
        options: Options of the reader.
        test_from: Date of the first test document.
        test_fraction: Fraction of test documents.
        split_seed: Seed of the random split.
        processes: Number of reading processes; None for one per core.
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
        """Raise `HTransError` with the name of the option if a value is invalid."""
        if not self.name.strip() or not self.name.isprintable():
            raise HTransError("--name: give the corpus a name of printable characters")
        if self.unknown_labels not in UNKNOWN_LABELS:
            raise HTransError(f"--unknown-labels: use one of {', '.join(UNKNOWN_LABELS)}")
        if self.multiple_parents not in MULTIPLE_PARENTS:
            raise HTransError(f"--multiple-parents: use one of {', '.join(MULTIPLE_PARENTS)}")
        if not self.sources:
            raise HTransError("name at least one source to import")
        split_options = {
            "--test": bool(self.test_sources),
            "--test-from": self.test_from is not None,
            "--test-fraction": self.test_fraction is not None,
        }
        given = [name for name, is_given in split_options.items() if is_given]
        if len(given) > 1:
            raise HTransError(f"{' and '.join(given)} cannot be combined; use one of them")
        if self.test_fraction is not None and not 0 <= self.test_fraction < 1:
            raise HTransError("--test-fraction must be at least 0 and below 1")
        if not 1 <= self.max_words <= MAX_WORDS:
            raise HTransError(f"--max-words must be between 1 and {MAX_WORDS:,}")
        if self.min_positives < 0 or (self.processes is not None and self.processes < 1):
            raise HTransError("--min-positives must be at least 0, --processes at least 1")


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a source, or the source itself; `split` follows from its name."""

    name: str
    source: str
    is_test: bool
    split: Split | None


class ImportPlan:
    """A checked request with the files of its sources."""

    def __init__(self, request: ImportRequest) -> None:
        """Raise `HTransError` if the request is invalid or a source does not exist."""
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
        """Hash of the request and of the size and time of every file, to identify the import.

        The number of processes is excluded.
        """
        request = dataclasses.asdict(dataclasses.replace(self.request, processes=None))
        digest = hashlib.sha256(json.dumps(request, default=str, sort_keys=True).encode())
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
        """Read all parts.

        Args:
            texts: Tokenise the texts; False reads labels only.
            lenient: Report invalid records instead of raising an error.
            skip: Number of records to skip at the start.
        """
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
        """The split of a document, and whether it was drawn because the source has no split."""
        source_part = self.parts[part]
        if source_part.is_test and document.split != "unused":
            return "test", False
        return self.splitting.split(document, source_part.split)

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
            "import them as separate corpora"
        )
    return format_named(formats.pop())


def _stats(path: Path) -> Iterator[tuple[str, int, int]]:
    """Path, size and modification time of a file, or of all files in a folder."""
    try:
        if path.is_dir():
            for folder, folders, names in os.walk(path):
                folders.sort()
                for name in sorted(names):
                    yield from _stats(Path(folder, name))
        elif path.exists():
            stat = path.stat()
            yield str(path), stat.st_size, stat.st_mtime_ns
    except OSError:  # The reader reports it.
        return
