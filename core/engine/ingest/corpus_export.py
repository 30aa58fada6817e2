"""Export a corpus to files from which it can be imported unchanged."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.corpus.documents import Document
from core.errors import ConflictError, HTransError
from core.formats.corpus import jsonl, parquet
from core.formats.corpus.format import SPLITS
from core.formats.taxonomy import edges, skos
from core.progress import Progress
from db.connection import Store
from db.corpora import corpus_named, documents_between, explicit_labels_between, taxonomy_of

FORMATS = {"jsonl": "documents.jsonl", "parquet": "documents.parquet"}
TAXONOMY_FORMATS = {"edges": "taxonomy.tsv", "skos": "taxonomy.ttl"}
_CHUNK = 5000


@dataclass(frozen=True, slots=True)
class ExportedCorpus:
    """The files of an exported corpus, and the options that import it unchanged."""

    documents: Path
    taxonomy: Path
    options: tuple[str, ...]


def export_corpus(
    store: Store,
    name: str,
    folder: Path,
    *,
    format_name: str = "jsonl",
    taxonomy_format: str = "edges",
    progress: Progress = lambda _done, _total: None,
) -> ExportedCorpus:
    """Write documents and taxonomy of a corpus to a new folder. Atomic.

    The documents have their explicit labels, without propagated ancestors.

    Args:
        store: The database.
        name: Name of the corpus.
        folder: The folder to create.
        format_name: A key of `FORMATS`.
        taxonomy_format: A key of `TAXONOMY_FORMATS`.
        progress: Called with the number of written documents and their total.

    Raises:
        ConflictError: The folder exists.
        HTransError: A format is unknown.
        NotFoundError: There is no such corpus.
    """
    for option, value, known in (
        ("--format", format_name, FORMATS),
        ("--taxonomy-format", taxonomy_format, TAXONOMY_FORMATS),
    ):
        if value not in known:
            raise HTransError(f"{option} {value}: use one of {', '.join(known)}")
    corpus = corpus_named(store, name)
    if folder.exists():
        raise ConflictError(f"{folder} already exists; choose another folder")
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        documents = _documents(store, corpus.id, corpus.documents, progress)
        write = jsonl.write if format_name == "jsonl" else parquet.write
        write(documents, temporary / FORMATS[format_name])
        taxonomy = taxonomy_of(store, corpus.id)
        taxonomy_file = temporary / TAXONOMY_FORMATS[taxonomy_format]
        if taxonomy_format == "edges":
            edges.write(taxonomy, taxonomy_file)
        else:
            skos.write(taxonomy, taxonomy_file, corpus.language)
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    options = []
    if corpus.language != "en":
        options += ["--language", corpus.language]
    if corpus.max_words != 100:
        options += ["--max-words", str(corpus.max_words)]
    return ExportedCorpus(
        folder / FORMATS[format_name], folder / TAXONOMY_FORMATS[taxonomy_format], tuple(options)
    )


def _documents(store: Store, corpus_id: int, total: int, progress: Progress) -> Iterator[Document]:
    for start in range(0, total, _CHUNK):
        labels = explicit_labels_between(store, corpus_id, start, start + _CHUNK)
        for number, key, split, text in documents_between(store, corpus_id, start, start + _CHUNK):
            explicit = tuple(labels.get(number, ()))
            yield Document(key, text, explicit, SPLITS[split], f"document {number}")
        progress(min(start + _CHUNK, total), total)
