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

_SHOWN = 5


@dataclass(slots=True)
class ImportReport:
    """Summary of an import; `notes` are sentences for the user.

    `resumed` records had been read before this process went on. `sources` are how many documents
    each source had.
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
    """Import a corpus whole, or leave nothing behind.

    Raises `HTransError` naming file, line and remedy. An import that was killed or interrupted goes
    on when it is asked for again, with the same files; asked for with others, it begins anew.
    """
    plan = ImportPlan(request)
    unfinished = _unfinished(store, workspace, plan)
    chosen = choose_taxonomy(plan, progress)
    if unfinished is not None:
        if not take_over_import(store, unfinished, own_identity()):
            raise ConflictError(f"{request.name}: another process goes on with its import")
        try:
            report = _import(store, workspace, plan, chosen, unfinished, progress)
        except CorruptFileError:
            pass  # what a power cut has left does not fit together, and has been removed
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
        # On a full disk even deleting rows may fail; the next import removes them then, and until
        # it does nobody sees them. What is raised is why the import failed.
        with suppress(StoreError):
            remove_corpus_files(store, workspace, corpus_id)
        raise


def _is_worth_keeping(store: Store, corpus_id: int) -> bool:
    return any(u.id == corpus_id and u.progress is not None for u in unfinished_corpora(store))


def remove_abandoned_imports(store: Store, workspace: Workspace) -> None:
    """Remove the leftovers of imports whose process was killed."""
    for unfinished in unfinished_corpora(store):
        if not is_alive(*unfinished.importer):
            remove_corpus_files(store, workspace, unfinished.id)


def delete_corpus_named(store: Store, workspace: Workspace, name: str) -> None:
    """Delete a corpus, or the leftovers of its killed import.

    Raises `ConflictError` if runs were trained on it or an import is at work, `NotFoundError`.
    """
    for unfinished in unfinished_corpora(store):
        if unfinished.name == name:
            if is_alive(*unfinished.importer):
                raise ConflictError(f"{name}: the process {unfinished.importer[0]} imports it now")
            remove_corpus_files(store, workspace, unfinished.id)
            return
    corpus_id = corpus_named(store, name).id
    retire_corpus(store, corpus_id)
    remove_corpus_files(store, workspace, corpus_id)


def remove_corpus_files(store: Store, workspace: Workspace, corpus_id: int) -> None:
    """Remove a corpus that is not ready, with its rows and files."""
    # Files first: on a full disk, they make room for deleting rows.
    shutil.rmtree(workspace.corpus(corpus_id), ignore_errors=True)
    delete_corpus(store, corpus_id)


def _unfinished(store: Store, workspace: Workspace, plan: ImportPlan) -> UnfinishedCorpus | None:
    """What a killed import of the same request left; of another, it is removed."""
    name = plan.request.name
    there = next((u for u in unfinished_corpora(store) if u.name == name), None)
    if there is None:
        refuse_used_corpus_name(store, name)
        return None
    if is_alive(*there.importer):
        raise ConflictError(f"{name}: the process {there.importer[0]} imports it now")
    if there.request == plan.fingerprint and there.progress is not None:
        return there
    remove_corpus_files(store, workspace, there.id)
    return None


class _Importer:
    """Streams documents into the store, a chunk a transaction, so that other writers get in.

    With each chunk it says how far it is, after what it wrote to files is on the disk.
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
        """Raise `CorruptFileError` if the files are not those of `state`, where it was stopped."""
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
        """Read on to the end, and make the corpus ready."""
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
        for part, number in prepared.records.items():
            source = self._plan.parts[part].source
            report.sources[source] = report.sources.get(source, 0) + number
            report.read += number
        chosen = list(map(self._split, prepared.documents, prepared.parts))
        self._refuse_duplicates(
            [d for d, split in zip(prepared.documents, chosen, strict=True) if split != "unused"]
        )
        documents: list[tuple[int, str, str, str]] = []
        labels: list[tuple[int, int, int]] = []
        number = report.train + report.test
        for place, (document, split) in enumerate(zip(prepared.documents, chosen, strict=True)):
            if split == "unused":
                report.unused += 1
                continue
            stated = self._rules.categories(document)
            report.without_labels += not stated
            labels.extend(
                (self._rows[category], number, int(category in stated))
                for category in self._taxonomy.ancestor_closure(stated)
            )
            documents.append((number, document.id, split, document.text))
            self._hashes[split].add(prepared.hashes[place])
            number += 1
            if split == "train":
                report.train += 1
            else:
                report.test += 1
        self._writer.add_all(*prepared.tokens_of([split != "unused" for split in chosen]))
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
                    source=document.place,
                )
            seen.add(document.id)

    def _finish(self) -> None:
        report = self._report
        source = self._plan.request.sources[0]
        if not report.train:
            found = f"{report.read} documents, none for training" if report.read else "no document"
            raise HTransError(f"{source}: {found}; there is nothing to train on")
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

    def _duplicates(self, found: Duplicates) -> list[str]:
        notes = []
        if found.without_text:
            notes.append(f"documents without text: {found.without_text:,}")
        if len(found.across):
            keys = document_keys(
                self._store, self._corpus_id, "test", found.across[:_SHOWN].tolist()
            )
            notes.append(
                f"test documents with the text of a training document: {len(found.across):,}, "
                f"such as {', '.join(keys)}; measures on them say little"
            )
        if found.within_train or found.within_test:
            notes.append(
                f"documents that repeat the text of another of their split: "
                f"{found.within_train:,} training, {found.within_test:,} test"
            )
        return notes


class _HashFile:
    """Hashes of texts on disk, eight bytes each."""

    def __init__(self, path: Path, written: int) -> None:
        self._path = path
        self._new: list[int] = []
        if written and not (path.exists() and path.stat().st_size >= 8 * written):
            raise CorruptFileError(f"{path}: shorter than it was")
        self._file = path.open("r+b" if written else "w+b")
        self._file.truncate(8 * written)
        self._file.seek(8 * written)

    def add(self, number: int) -> None:
        """Append a hash; it is written by `sync`."""
        self._new.append(number)

    def sync(self) -> None:
        """Write the added documents to disk."""
        self._file.write(np.asarray(self._new, dtype=np.int64).tobytes())
        self._file.flush()
        os.fsync(self._file.fileno())
        self._new.clear()

    def all(self, number: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The hashes, of which there are `number`."""
        return np.fromfile(self._path, dtype=np.int64, count=number)

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
        notes.append(f"an import that had been stopped went on after {report.resumed:,} records")
    if report.drawn:
        notes.append(
            f"documents that state no split: {report.drawn:,}; those for test were drawn by their "
            "ids (--split-field names another field, --test-fraction the share)"
        )
    if report.dropped_labels:
        some = ", ".join(sorted(report.dropped_labels)[:_SHOWN])
        times = sum(report.dropped_labels.values())
        notes.append(
            f"labels that are not in the taxonomy were dropped {times:,} times, of "
            f"{len(report.dropped_labels):,} kinds: {some}"
        )
    if report.without_labels:
        notes.append(
            f"documents without a label: {report.without_labels:,}, negatives of every category"
        )
    if not report.test:
        notes.append("no test documents: test measures will be missing")
    return notes
