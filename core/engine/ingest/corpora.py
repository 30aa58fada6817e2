"""Import a corpus: files → reader → documents in SQLite and token arrays on disk."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from core.corpus.documents import Document
from core.corpus.duplicates import Duplicates, count_duplicates
from core.engine.artifacts.document_index import ensure_index
from core.engine.host.identity import is_alive, own_identity
from core.engine.ingest.import_plan import ImportPlan, ImportRequest
from core.engine.ingest.taxonomy_choice import ChosenTaxonomy, choose_taxonomy
from core.errors import (
    ConflictError,
    CorruptFileError,
    HTransError,
    InputError,
    InterruptedWorkError,
)
from core.formats.corpus.reading import Prepared
from core.progress import Count
from core.text.token_arrays import TokensWritten, TokenWriter
from core.workspace import Workspace
from db.connection import Store, StoreError
from db.corpora import (
    Corpus,
    UnfinishedCorpus,
    add_categories,
    add_documents,
    begin_corpus,
    category_rows,
    corpus_named,
    delete_corpus,
    document_keys,
    finish_corpus,
    known_keys,
    record_progress,
    refuse_used_corpus_name,
    retire_corpus,
    take_over_import,
    unfinished_corpora,
)

_MAX_EXAMPLES = 5


@dataclass(slots=True)
class ImportReport:
    """Summary of an import.

    `notes` are sentences for the user. `resumed` counts the records that an earlier process had
    read. `sources` maps each source to its number of documents.
    """

    format: str
    taxonomy: str
    read: int = 0
    resumed: int = 0
    unused: int = 0
    train: int = 0
    test: int = 0
    drawn: int = 0
    without_labels: int = 0
    sources: dict[str, int] = field(default_factory=dict)
    dropped_labels: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def import_corpus(
    store: Store,
    workspace: Workspace,
    request: ImportRequest,
    progress: Count = lambda _: None,
) -> tuple[Corpus, ImportReport]:
    """Import a corpus. Atomic and resumable.

    A repeated call with the same request and files resumes an interrupted import. With another
    request or changed files, it starts from the beginning.

    Args:
        store: The database.
        workspace: The workspace.
        request: Sources and options.
        progress: Called with the number of records read.

    Raises:
        HTransError: The import failed. The message contains file, line and remedy.
        ConflictError: The name is in use.
    """
    plan = ImportPlan(request)
    unfinished = _unfinished(store, workspace, plan)
    chosen = choose_taxonomy(plan, progress)
    if unfinished is not None:
        if not take_over_import(store, unfinished, own_identity()):
            raise ConflictError(f"{request.name}: another process is resuming this import")
        try:
            report = _import(store, workspace, plan, chosen, unfinished, progress)
        except CorruptFileError:
            pass  # A power failure left inconsistent files, which are removed by now.
        else:
            return corpus_named(store, request.name), report
    report = _import(store, workspace, plan, chosen, None, progress)
    return corpus_named(store, request.name), report


def _import(
    store: Store,
    workspace: Workspace,
    plan: ImportPlan,
    chosen: ChosenTaxonomy,
    unfinished: UnfinishedCorpus | None,
    progress: Count,
) -> ImportReport:
    request = plan.request
    if unfinished is not None:
        corpus_id = unfinished.id
    else:
        corpus_id = begin_corpus(
            store,
            request.name,
            request.language,
            plan.format.name,
            chosen.format,
            request.max_words,
            own_identity(),
            plan.fingerprint,
        )
    try:
        state = None if unfinished is None else unfinished.progress
        with closing(_Importer(store, workspace, plan, chosen, corpus_id, state)) as importer:
            return importer.run(progress)
    except (KeyboardInterrupt, InterruptedWorkError):
        if _is_worth_keeping(store, corpus_id):
            raise
        remove_corpus_files(store, workspace, corpus_id)
        raise
    except BaseException:
        # On a full disk, deleting rows may fail too. The next import removes them.
        with suppress(StoreError):
            remove_corpus_files(store, workspace, corpus_id)
        raise


def _is_worth_keeping(store: Store, corpus_id: int) -> bool:
    return any(u.id == corpus_id and u.progress is not None for u in unfinished_corpora(store))


def remove_abandoned_imports(store: Store, workspace: Workspace) -> None:
    """Remove the rows and files of imports whose process was killed."""
    for unfinished in unfinished_corpora(store):
        if not is_alive(*unfinished.importer):
            remove_corpus_files(store, workspace, unfinished.id)


def delete_corpus_named(store: Store, workspace: Workspace, name: str) -> None:
    """Delete a corpus, or the rows and files of its killed import.

    Raises:
        ConflictError: Runs were trained on the corpus, or it is being imported.
        NotFoundError: There is no such corpus.
    """
    for unfinished in unfinished_corpora(store):
        if unfinished.name == name:
            if is_alive(*unfinished.importer):
                raise ConflictError(
                    f"{name}: process {unfinished.importer[0]} is importing this corpus"
                )
            remove_corpus_files(store, workspace, unfinished.id)
            return
    corpus_id = corpus_named(store, name).id
    retire_corpus(store, corpus_id)
    remove_corpus_files(store, workspace, corpus_id)


def remove_corpus_files(store: Store, workspace: Workspace, corpus_id: int) -> None:
    """Remove the files and rows of a corpus that is not ready."""
    # Files first: on a full disk, this frees space for deleting rows.
    shutil.rmtree(workspace.corpus(corpus_id), ignore_errors=True)
    delete_corpus(store, corpus_id)


def _unfinished(store: Store, workspace: Workspace, plan: ImportPlan) -> UnfinishedCorpus | None:
    """The killed import of the same request, or None. Removes a killed import of another one."""
    name = plan.request.name
    unfinished = next((u for u in unfinished_corpora(store) if u.name == name), None)
    if unfinished is None:
        refuse_used_corpus_name(store, name)
        return None
    if is_alive(*unfinished.importer):
        raise ConflictError(f"{name}: process {unfinished.importer[0]} is importing this corpus")
    if unfinished.request == plan.fingerprint and unfinished.progress is not None:
        return unfinished
    remove_corpus_files(store, workspace, unfinished.id)
    return None


class _Importer:
    """Streams documents into the store, one transaction per chunk, so that others can write.

    Each transaction also records the progress, after the files of the chunk are synced to disk.
    """

    def __init__(
        self,
        store: Store,
        workspace: Workspace,
        plan: ImportPlan,
        chosen: ChosenTaxonomy,
        corpus_id: int,
        state: str | None,
    ) -> None:
        """Open the files; raise `CorruptFileError` if they do not match the progress `state`."""
        request = plan.request
        self._store = store
        self._workspace = workspace
        self._plan = plan
        self._corpus_id = corpus_id
        self._taxonomy = chosen.taxonomy
        self._rules = chosen.rules(drop_unknown=request.unknown_labels == "drop")
        self._report = ImportReport(plan.format.name, chosen.format, notes=list(chosen.notes))
        self._rows: dict[str, int] = {}
        written = None if state is None else self._restore(state)
        folder = workspace.corpus(corpus_id)
        with ExitStack() as opened:
            self._writer = opened.enter_context(
                closing(
                    TokenWriter(folder / f"tokens-{request.max_words}", request.max_words, written)
                )
            )
            self._hashes = {
                split: opened.enter_context(
                    closing(_HashFile(folder / f"hashes-{split}.partial", number))
                )
                for split, number in (("train", self._report.train), ("test", self._report.test))
            }
            self._files = opened.pop_all()

    def run(self, progress: Count) -> ImportReport:
        """Read the remaining records and mark the corpus as ready."""
        self._rows = category_rows(self._store, self._corpus_id)
        if not self._rows:
            with self._store.write():
                self._rows = add_categories(self._store, self._corpus_id, self._taxonomy)
        if self._report.resumed:
            progress(self._report.read)
        for prepared in self._plan.read(skip=self._report.read):
            self._add(prepared)
            progress(self._report.read)
        self._finish()
        return self._report

    def close(self) -> None:
        """Close the files."""
        self._files.close()

    def _restore(self, progress: str) -> TokensWritten:
        try:
            state = json.loads(progress)
            report = self._report
            for name in ("read", "unused", "train", "test", "drawn", "without_labels", "sources"):
                setattr(report, name, state["report"][name])
            report.resumed = report.read
            self._rules.unknown = Counter(state["unknown"])
            return TokensWritten(**state["tokens"])
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptFileError("the import's progress cannot be read") from error

    def _state(self) -> str:
        state: dict[str, Any] = {
            "report": asdict(self._report),
            "unknown": self._rules.unknown,
            "tokens": asdict(self._writer.sync()),
        }
        return json.dumps(state)

    def _add(self, prepared: Prepared) -> None:
        report = self._report
        for part, count in prepared.records.items():
            source = self._plan.parts[part].source
            report.sources[source] = report.sources.get(source, 0) + count
            report.read += count
        splits = list(map(self._split, prepared.documents, prepared.parts))
        self._refuse_duplicates(
            [d for d, split in zip(prepared.documents, splits, strict=True) if split != "unused"]
        )
        documents: list[tuple[int, str, str, str]] = []
        labels: list[tuple[int, int, int]] = []
        number = report.train + report.test
        for index, (document, split) in enumerate(zip(prepared.documents, splits, strict=True)):
            if split == "unused":
                report.unused += 1
                continue
            explicit = self._rules.categories(document)
            report.without_labels += not explicit
            labels.extend(
                (self._rows[category], number, int(category in explicit))
                for category in self._taxonomy.ancestor_closure(explicit)
            )
            documents.append((number, document.id, split, document.text))
            self._hashes[split].add(prepared.hashes[index])
            number += 1
            if split == "train":
                report.train += 1
            else:
                report.test += 1
        self._writer.add_all(*prepared.tokens_of([split != "unused" for split in splits]))
        for file in self._hashes.values():
            file.sync()
        state = self._state()
        with self._store.write():
            add_documents(self._store, self._corpus_id, documents, labels)
            record_progress(self._store, self._corpus_id, state)

    def _split(self, document: Document, part: int) -> str:
        split, drawn = self._plan.split(document, part)
        self._report.drawn += drawn
        return split

    def _refuse_duplicates(self, chunk: list[Document]) -> None:
        seen = known_keys(self._store, self._corpus_id, [document.id for document in chunk])
        for document in chunk:
            if document.id in seen:
                raise InputError(
                    f"the document id {document.id!r} appears twice; ids must differ",
                    source=document.location,
                )
            seen.add(document.id)

    def _finish(self) -> None:
        report = self._report
        source = self._plan.request.sources[0]
        if not report.train:
            problem = (
                f"none of {report.read} documents is a training document"
                if report.read
                else "there are no documents"
            )
            raise HTransError(f"{source}: {problem}; give at least one training document")
        duplicates = count_duplicates(
            self._hashes["train"].all(report.train), self._hashes["test"].all(report.test)
        )
        report.dropped_labels = dict(self._rules.unknown)
        report.notes += _notes(report)
        report.notes += self._duplicates(duplicates)
        self._writer.publish()
        ensure_index(self._store, self._workspace, self._corpus_id)
        finish_corpus(
            self._store, self._corpus_id, report.train, report.test, self._taxonomy.levels
        )
        self._writer.remove_partial_files()
        for file in self._hashes.values():
            file.remove()

    def _duplicates(self, duplicates: Duplicates) -> list[str]:
        notes = []
        if duplicates.without_text:
            notes.append(f"documents without text: {duplicates.without_text:,}")
        if len(duplicates.across):
            keys = document_keys(
                self._store, self._corpus_id, "test", duplicates.across[:_MAX_EXAMPLES].tolist()
            )
            notes.append(
                f"test documents with the text of a training document: {len(duplicates.across):,}, "
                f"such as {', '.join(keys)}; metrics on them are optimistically biased"
            )
        if duplicates.within_train or duplicates.within_test:
            notes.append(
                f"documents with the same text as another document of their split: "
                f"{duplicates.within_train:,} training, {duplicates.within_test:,} test"
            )
        return notes


class _HashFile:
    """A file of text hashes, 8 bytes each."""

    def __init__(self, path: Path, written: int) -> None:
        self._path = path
        self._new: list[int] = []
        if written and not (path.exists() and path.stat().st_size >= 8 * written):
            raise CorruptFileError(f"{path}: shorter than recorded")
        self._file = path.open("r+b" if written else "w+b")
        self._file.truncate(8 * written)
        self._file.seek(8 * written)

    def add(self, text_hash: int) -> None:
        """Append a hash; `sync` writes it."""
        self._new.append(text_hash)

    def sync(self) -> None:
        """Write the added hashes to disk."""
        self._file.write(np.asarray(self._new, dtype=np.int64).tobytes())
        self._file.flush()
        os.fsync(self._file.fileno())
        self._new.clear()

    def all(self, count: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The first `count` hashes."""
        return np.fromfile(self._path, dtype=np.int64, count=count)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def remove(self) -> None:
        """Close and remove the file."""
        self._file.close()
        self._path.unlink(missing_ok=True)


def _notes(report: ImportReport) -> list[str]:
    notes = []
    if report.resumed:
        notes.append(f"the interrupted import was resumed after {report.resumed:,} records")
    if report.drawn:
        notes.append(
            f"documents without a split: {report.drawn:,}; test documents were drawn by id "
            "(options: --split-field, --test-fraction)"
        )
    if report.dropped_labels:
        examples = ", ".join(sorted(report.dropped_labels)[:_MAX_EXAMPLES])
        times = sum(report.dropped_labels.values())
        notes.append(
            f"{len(report.dropped_labels):,} different labels are not in the taxonomy and were "
            f"dropped {times:,} times, for example: {examples}"
        )
    if report.without_labels:
        notes.append(
            f"documents without a label: {report.without_labels:,}, negatives of every category"
        )
    if not report.test:
        notes.append("no test documents: test metrics will be missing")
    return notes
