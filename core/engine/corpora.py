"""Import a corpus: files → reader → documents in SQLite and token arrays on disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from core.documents import Document, held_out
from core.engine.document_index import ensure_index
from core.engine.processes import is_alive, own_identity
from core.errors import HTransError, InputError
from core.readers import format_named, guess_format
from core.readers.format import CorpusFormat
from core.taxonomy import Edge, Taxonomy
from core.taxonomy_readers import PATHS, paths, read_taxonomy
from core.tokens import Tokenize, TokenWriter, tokenizer_for
from core.workspace import Workspace
from db.connection import Store, StoreError
from db.corpora import (
    Corpus,
    add_categories,
    add_documents,
    begin_corpus,
    corpus_named,
    delete_corpus,
    finish_corpus,
    known_keys,
    unfinished_corpora,
)

UNKNOWN_LABELS = ("error", "drop", "top-level")
_CHUNK = 500
_TEST_FRACTION = 0.2


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """What to import. `sources` and `test_sources` are paths or names of embedded corpora.

    `unknown_labels` says what becomes of a label that is not in the taxonomy: "error", "drop", or
    "top-level", which makes it a category without a parent.
    """

    name: str
    sources: tuple[str, ...]
    test_sources: tuple[str, ...] = ()
    format: str | None = None
    taxonomy: Path | None = None
    taxonomy_format: str | None = None
    unknown_labels: str = "error"
    language: str = "en"
    max_words: int = 100


@dataclass(slots=True)
class ImportReport:
    """What an import did; `notes` are sentences for the user."""

    format: str
    taxonomy: str
    read: int = 0
    unused: int = 0
    train: int = 0
    test: int = 0
    without_labels: int = 0
    dropped_labels: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


Progress = Callable[[int], None]
"""Called with the number of documents read so far."""


def import_corpus(
    store: Store,
    workspace: Workspace,
    request: ImportRequest,
    progress: Progress = lambda _: None,
) -> tuple[Corpus, ImportReport]:
    """Import a corpus whole, or leave nothing behind.

    Raises `HTransError` naming file, line and remedy. What a killed import left is removed by the
    next one.
    """
    remove_abandoned_imports(store, workspace)
    _check(request)
    format_ = _format(request)
    report = ImportReport(format_.name, "")
    taxonomy = _taxonomy(request, format_, report)
    corpus_id = begin_corpus(
        store,
        request.name,
        request.language,
        format_.name,
        report.taxonomy,
        request.max_words,
        own_identity(),
    )
    try:
        tokenize = tokenizer_for(request.language)
        importer = _Importer(store, workspace, request, format_, taxonomy, report, corpus_id)
        importer.run(tokenize, progress)
    except BaseException:
        # On a full disk even deleting rows may fail; the next import removes them then, and until
        # it does nobody sees them. What is raised is why the import failed.
        with suppress(StoreError):
            _remove(store, workspace, corpus_id)
        raise
    return corpus_named(store, request.name), report


def remove_abandoned_imports(store: Store, workspace: Workspace) -> None:
    """Remove what imports left behind whose process was killed."""
    for corpus_id, _, pid, started in unfinished_corpora(store):
        if not is_alive(pid, started):
            _remove(store, workspace, corpus_id)


def _remove(store: Store, workspace: Workspace, corpus_id: int) -> None:
    shutil.rmtree(workspace.corpus(corpus_id), ignore_errors=True)
    delete_corpus(store, corpus_id)


def _check(request: ImportRequest) -> None:
    if not request.name.strip() or not request.name.isprintable():
        raise HTransError("--name: give the corpus a name of printable characters")
    if request.unknown_labels not in UNKNOWN_LABELS:
        raise HTransError(f"--unknown-labels: use one of {', '.join(UNKNOWN_LABELS)}")
    if not request.sources:
        raise HTransError("name at least one source to import")


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


def _taxonomy(request: ImportRequest, format_: CorpusFormat, report: ImportReport) -> Taxonomy:
    if request.taxonomy is not None and request.taxonomy_format == PATHS:
        raise HTransError("--taxonomy-format paths takes no file; leave --taxonomy out")
    if request.taxonomy is not None:
        read = read_taxonomy(request.taxonomy, request.taxonomy_format)
        report.taxonomy = read.format
        return read.taxonomy
    if format_.taxonomy is not None and request.taxonomy_format is None:
        report.taxonomy = format_.name
        return format_.taxonomy(request.sources[0])
    if request.taxonomy_format not in (None, PATHS):
        raise HTransError(f"--taxonomy-format {request.taxonomy_format} needs --taxonomy FILE")
    report.taxonomy = PATHS
    taxonomy = paths.infer(
        label
        for document in _documents(format_, (*request.sources, *request.test_sources))
        if document.split != "unused"
        for label in document.labels
    )
    report.notes.append(
        f"no taxonomy file: the labels make their own, {len(taxonomy)} categories on "
        f"{taxonomy.levels} level{'s' if taxonomy.levels != 1 else ''}"
    )
    return taxonomy


def _documents(format_: CorpusFormat, sources: Sequence[str]) -> Iterator[Document]:
    for source in sources:
        yield from format_.read(source)


class _Importer:
    """Streams documents into the store, a chunk a transaction, so that other writers get in."""

    def __init__(
        self,
        store: Store,
        workspace: Workspace,
        request: ImportRequest,
        format_: CorpusFormat,
        taxonomy: Taxonomy,
        report: ImportReport,
        corpus_id: int,
    ) -> None:
        self._store = store
        self._workspace = workspace
        self._request = request
        self._format = format_
        self._taxonomy = taxonomy
        self._report = report
        self._corpus_id = corpus_id
        self._folder = workspace.corpus(corpus_id) / f"tokens-{request.max_words}"
        self._rows: dict[str, int] = {}

    def run(self, tokenize: Tokenize, progress: Progress) -> None:
        if self._request.unknown_labels == "top-level":
            self._taxonomy = self._with_unknown_labels()
        if not len(self._taxonomy):
            raise HTransError(
                f"{self._request.sources[0]}: no document has a label, so there is no category"
            )
        with self._store.write():
            self._rows = add_categories(self._store, self._corpus_id, self._taxonomy)
        writer = TokenWriter(self._folder, self._request.max_words)
        try:
            documents = self._split_documents()
            while chunk := list(islice(documents, _CHUNK)):
                self._add(chunk, writer, tokenize)
                progress(self._report.read)
            self._finish(writer)
        finally:
            writer.discard()

    def _with_unknown_labels(self) -> Taxonomy:
        unknown: dict[str, None] = {}
        every = (*self._request.sources, *self._request.test_sources)
        for document in _documents(self._format, every):
            if document.split != "unused":
                unknown |= dict.fromkeys(x for x in document.labels if x not in self._taxonomy)
        if unknown:
            self._report.notes.append(f"{len(unknown)} unknown labels became top-level categories")
        known = [Edge(c.id, c.parent, c.name) for c in self._taxonomy]
        return Taxonomy([*known, *(Edge(x, None, x) for x in unknown)], self._taxonomy.source)

    def _split_documents(self) -> Iterator[tuple[Document, str]]:
        """Documents that belong to a split, with that split."""
        undecided = 0
        for document in _documents(self._format, self._request.sources):
            self._report.read += 1
            if document.split == "unused":
                self._report.unused += 1
            elif document.split is not None:
                yield document, document.split
            elif self._request.test_sources:
                yield document, "train"
            else:
                undecided += 1
                yield document, "test" if held_out(document.id, _TEST_FRACTION) else "train"
        for document in _documents(self._format, self._request.test_sources):
            self._report.read += 1
            if document.split == "unused":
                self._report.unused += 1
            else:
                yield document, "test"
        if undecided:
            self._report.notes.append(
                f"{undecided} documents state no split: a fifth of them, drawn by id, is for test"
            )

    def _add(
        self, chunk: list[tuple[Document, str]], writer: TokenWriter, tokenize: Tokenize
    ) -> None:
        self._refuse_duplicates([document for document, _ in chunk])
        first = self._report.train + self._report.test
        documents: list[tuple[int, str, str, str]] = []
        labels: list[tuple[int, int, int]] = []
        for number, (document, split) in enumerate(chunk, start=first):
            stated = self._known_labels(document)
            if not stated:
                self._report.without_labels += 1
            labels.extend(
                (self._rows[category], number, int(category in stated))
                for category in self._taxonomy.close(stated)
            )
            documents.append((number, document.id, split, document.text))
            writer.add(tokenize(document.text, self._request.max_words))
            if split == "train":
                self._report.train += 1
            else:
                self._report.test += 1
        with self._store.write():
            add_documents(self._store, self._corpus_id, documents, labels)

    def _refuse_duplicates(self, chunk: list[Document]) -> None:
        seen = known_keys(self._store, self._corpus_id, [document.id for document in chunk])
        for document in chunk:
            if document.id in seen:
                raise InputError(
                    f"the document id {document.id!r} appears twice; ids must differ",
                    source=document.place,
                )
            seen.add(document.id)

    def _known_labels(self, document: Document) -> set[str]:
        unknown = [label for label in document.labels if label not in self._taxonomy]
        if unknown and self._request.unknown_labels == "error":
            raise InputError(
                f"the label {unknown[0]!r} is not in the taxonomy {self._taxonomy.source}; add it "
                "there, or use --unknown-labels drop or top-level",
                source=document.place,
            )
        for label in unknown:
            self._report.dropped_labels[label] = self._report.dropped_labels.get(label, 0) + 1
        return set(document.labels) - set(unknown)

    def _finish(self, writer: TokenWriter) -> None:
        report = self._report
        source = self._request.sources[0]
        if not report.train:
            found = f"{report.read} documents, none for training" if report.read else "no document"
            raise HTransError(f"{source}: {found}; there is nothing to train on")
        if report.dropped_labels:
            some = ", ".join(sorted(report.dropped_labels)[:5])
            times = sum(report.dropped_labels.values())
            report.notes.append(
                f"labels that are not in the taxonomy were dropped {times} times, of "
                f"{len(report.dropped_labels)} kinds: {some}"
            )
        if report.without_labels:
            report.notes.append(
                f"documents without a label: {report.without_labels:,}, negatives of every category"
            )
        if not report.test:
            report.notes.append("no test documents: test measures will be missing")
        writer.finish()
        ensure_index(self._store, self._workspace, self._corpus_id)
        finish_corpus(
            self._store, self._corpus_id, report.train, report.test, self._taxonomy.levels
        )
