"""Corpora with their categories, documents and labels."""

from __future__ import annotations

import pytest

from core.errors import ConflictError, NotFoundError
from db.connection import Store
from db.corpora import (
    UnfinishedCorpus,
    add_documents,
    begin_corpus,
    corpus_named,
    corpus_with_id,
    delete_corpus,
    document_numbers,
    finish_corpus,
    known_keys,
    list_corpora,
    positive_numbers,
    taxonomy_of,
    texts,
    training_positives,
    unfinished_corpora,
)
from tests.support.builders import PARENTS, contents, record_corpus, record_run


def begin(store: Store, name: str) -> int:
    return begin_corpus(store, name, "en", "jsonl", "edges", 100, (77, 1.5))


def category_row(store: Store, corpus_id: int, key: str) -> int:
    row = store.value("SELECT id FROM categories WHERE corpus_id = ? AND key = ?", (corpus_id, key))
    assert isinstance(row, int)
    return row


def test_corpus_is_found_by_name_and_number_with_its_counts(store: Store) -> None:
    made = record_corpus(store)
    assert corpus_named(store, "pets") == corpus_with_id(store, made.id) == made
    assert (made.documents, made.train, made.test) == (6, 4, 2)
    assert (made.categories, made.levels, made.max_words) == (7, 2, 100)


def test_corpora_are_listed_by_name(store: Store) -> None:
    record_corpus(store, "pets")
    record_corpus(store, "news")
    assert [corpus.name for corpus in list_corpora(store)] == ["news", "pets"]


def test_corpus_that_is_being_imported_is_not_there_yet(store: Store) -> None:
    corpus_id = begin(store, "pets")
    assert list_corpora(store) == []
    with pytest.raises(NotFoundError):
        corpus_named(store, "pets")
    assert unfinished_corpora(store) == [UnfinishedCorpus(corpus_id, "pets", (77, 1.5), "", None)]
    finish_corpus(store, corpus_id, train=3, test=1, levels=2)
    assert corpus_named(store, "pets").documents == 4
    assert unfinished_corpora(store) == []


def test_unknown_corpus_is_answered_with_those_there_are(store: Store) -> None:
    with pytest.raises(NotFoundError, match=r"'wines'; import"):
        corpus_named(store, "wines")
    record_corpus(store, "pets")
    record_corpus(store, "news")
    with pytest.raises(NotFoundError, match=r"'wines'.* news, pets"):
        corpus_named(store, "wines")
    with pytest.raises(NotFoundError, match="99"):
        corpus_with_id(store, 99)


def test_name_of_a_corpus_is_reserved_from_the_begin_of_its_import(store: Store) -> None:
    begin(store, "pets")
    with pytest.raises(ConflictError, match=r"'pets'.*--name"):
        begin(store, "pets")
    assert len(unfinished_corpora(store)) == 1


def test_deleted_corpus_leaves_no_row_and_no_other_corpus_loses_one(store: Store) -> None:
    record_corpus(store, "news")
    before = contents(store)
    pets = record_corpus(store, "pets")
    assert contents(store)["document_categories"] != before["document_categories"]
    delete_corpus(store, pets.id)
    after = contents(store)
    assert after.pop("sqlite_sequence") != before.pop("sqlite_sequence"), "ids are not used again"
    assert after == before


def test_corpus_of_a_run_cannot_be_deleted(store: Store) -> None:
    corpus = record_corpus(store)
    record_run(store, corpus)
    before = contents(store)
    with pytest.raises(ConflictError, match=r"\(1: pets-htrans\); delete them first"):
        delete_corpus(store, corpus.id)
    assert contents(store) == before


def test_taxonomy_comes_back_as_it_was_stored(store: Store) -> None:
    corpus = record_corpus(store)
    found = taxonomy_of(store, corpus.id)
    assert {category.id: category.parent for category in found} == PARENTS
    assert [category.id for category in found] == list(PARENTS)
    assert found["cats"].name == "CATS"
    rows = store.rows("SELECT key, level, height FROM categories ORDER BY position")
    assert [tuple(row) for row in rows[:4]] == [
        ("animals", 1, 1),
        ("cats", 2, 0),
        ("dogs", 2, 0),
        ("food", 1, 1),
    ]


def test_documents_are_numbered_within_their_split(store: Store) -> None:
    corpus = record_corpus(store)
    assert document_numbers(store, corpus.id, "train") == [0, 1, 3, 4]
    assert document_numbers(store, corpus.id, "test") == [2, 5]


def test_positives_are_those_of_every_split_but_training_positives_are_not(store: Store) -> None:
    corpus = record_corpus(store)
    record_corpus(store, "other")
    assert positive_numbers(store, category_row(store, corpus.id, "dogs")) == [1, 2]
    assert positive_numbers(store, category_row(store, corpus.id, "food")) == [3, 4, 5]
    assert training_positives(store, corpus.id) == {
        "animals": 2,
        "cats": 1,
        "dogs": 1,
        "food": 2,
        "fruit": 1,
        "bread": 1,
    }


def test_known_keys_are_those_of_this_corpus_only(store: Store) -> None:
    pets = record_corpus(store, "pets")
    news = record_corpus(store, "news", documents=[("train", "cats")])
    assert known_keys(store, pets.id, ["d0", "d5", "d6"]) == {"d0", "d5"}
    assert known_keys(store, news.id, ["d0", "d5"]) == {"d0"}


def test_texts_come_in_the_order_of_their_numbers(store: Store) -> None:
    corpus_id = begin(store, "pets")
    rows = [(2, "c", "train", "third"), (0, "a", "test", "first"), (1, "b", "train", "second")]
    with store.write():
        add_documents(store, corpus_id, rows, [])
    assert list(texts(store, corpus_id)) == ["first", "second", "third"]
