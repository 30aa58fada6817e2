"""Which documents are in which split and category, from arrays as from the database."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from core import files
from core.engine.artifacts.document_index import (
    INDEX_FILES,
    ensure_index,
    index_folder,
    open_index,
)
from core.workspace import Workspace
from db.connection import Store
from db.corpora import Corpus, document_numbers, positive_numbers
from tests.support.builders import record_corpus

REPLACING = "core.engine.artifacts.document_index.replacing"


@pytest.fixture
def corpus(store: Store) -> Corpus:
    """The second corpus of the workspace, so that its rows do not begin with 1."""
    record_corpus(store, "another", documents=[("train", "cats"), ("test", "bread")])
    return record_corpus(store)


def is_that_of_the_database(store: Store, workspace: Workspace, corpus: Corpus) -> bool:
    index = open_index(workspace, corpus.id)
    if index is None:
        return False
    assert index.train.tolist() == document_numbers(store, corpus.id, "train")
    assert index.test.tolist() == document_numbers(store, corpus.id, "test")
    for row in store.rows("SELECT id FROM categories WHERE corpus_id = ?", (corpus.id,)):
        assert index.positives(row["id"]).tolist() == positive_numbers(store, row["id"])
    return True


def test_arrays_hold_what_the_database_holds(
    store: Store, workspace: Workspace, corpus: Corpus
) -> None:
    assert open_index(workspace, corpus.id) is None
    ensure_index(store, workspace, corpus.id)
    assert is_that_of_the_database(store, workspace, corpus)


def test_category_that_the_corpus_does_not_have_has_no_document(
    store: Store, workspace: Workspace, corpus: Corpus
) -> None:
    ensure_index(store, workspace, corpus.id)
    index = open_index(workspace, corpus.id)
    assert index is not None
    another = store.value("SELECT min(id) FROM categories")
    assert len(index.positives(another)) == len(index.positives(10_000)) == 0


def test_arrays_are_made_once(
    store: Store, workspace: Workspace, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_index(store, workspace, corpus.id)
    monkeypatch.setattr(REPLACING, lambda _: pytest.fail("made again"))
    ensure_index(store, workspace, corpus.id)


@pytest.mark.parametrize("written", range(4))
def test_arrays_whose_making_was_broken_off_are_not_opened_and_made_anew(
    store: Store,
    workspace: Workspace,
    corpus: Corpus,
    monkeypatch: pytest.MonkeyPatch,
    written: int,
) -> None:
    real, left = files.replacing, [None] * written

    def replacing(path: Path) -> AbstractContextManager[Path]:
        if not left:
            raise KeyboardInterrupt
        left.pop()
        return real(path)

    with monkeypatch.context() as broken:
        broken.setattr(REPLACING, replacing)
        with pytest.raises(KeyboardInterrupt):
            ensure_index(store, workspace, corpus.id)
    assert open_index(workspace, corpus.id) is None
    ensure_index(store, workspace, corpus.id)
    assert is_that_of_the_database(store, workspace, corpus)


@pytest.mark.parametrize("name", INDEX_FILES)
def test_damaged_arrays_are_made_anew(
    store: Store, workspace: Workspace, corpus: Corpus, name: str
) -> None:
    ensure_index(store, workspace, corpus.id)
    path = index_folder(workspace, corpus.id) / name
    path.write_bytes(path.read_bytes()[:-8])
    assert open_index(workspace, corpus.id) is None
    ensure_index(store, workspace, corpus.id)
    assert is_that_of_the_database(store, workspace, corpus)


def test_corpus_without_labels_has_arrays_too(store: Store, workspace: Workspace) -> None:
    corpus = record_corpus(store, documents=[])
    ensure_index(store, workspace, corpus.id)
    assert is_that_of_the_database(store, workspace, corpus)
