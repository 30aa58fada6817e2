"""The embedded corpus, from the installed package simple-icd-10-cm."""

from __future__ import annotations

from collections import Counter

import pytest

from core.corpus.documents import Document
from core.corpus.taxonomy import Taxonomy
from core.errors import HTransError
from core.formats.corpus.icd10cm import FORMAT, MINIMUM_DOCUMENTS, recognises, taxonomy

pytestmark = pytest.mark.slow  # The package takes seconds to read.

SOURCE = "icd10cm:3,10"


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    return list(FORMAT.read(SOURCE))


@pytest.fixture(scope="module")
def categories() -> Taxonomy:
    return taxonomy(SOURCE)


def test_descriptions_and_inclusion_terms_are_documents(documents: list[Document]) -> None:
    by_id = {document.id: document for document in documents}
    assert len(by_id) == len(documents)
    assert by_id["J45/0"].text == "Asthma"
    assert any(id_.startswith("J45") and not id_.endswith("/0") for id_ in by_id)
    assert by_id["J45/0"].location == "icd10cm, code J45"


def test_no_text_occurs_twice(documents: list[Document]) -> None:
    counted = Counter(document.text.casefold() for document in documents)
    assert counted.most_common(1)[0][1] == 1


def test_chapters_are_the_top_level(categories: Taxonomy) -> None:
    assert categories.roots == ("chapter-3", "chapter-10")
    assert categories["chapter-10"].name == "Diseases of the respiratory system"
    assert categories.levels >= 2


def test_labels_are_closed_and_in_the_taxonomy(
    documents: list[Document], categories: Taxonomy
) -> None:
    assert all(document.labels for document in documents)
    for document in documents:
        assert categories.ancestor_closure(document.labels) == frozenset(document.labels)


def test_categories_are_those_with_enough_documents(
    documents: list[Document], categories: Taxonomy
) -> None:
    counted = Counter(label for document in documents for label in document.labels)
    assert set(counted) == {category.id for category in categories}
    assert min(counted.values()) >= MINIMUM_DOCUMENTS


def test_split_is_a_fifth_and_the_same_every_time(documents: list[Document]) -> None:
    splits = [document.split for document in documents]
    assert set(splits) == {"train", "test"}
    assert 0.17 < splits.count("test") / len(splits) < 0.23
    assert [document.split for document in FORMAT.read(SOURCE)] == splits


def test_split_of_a_document_does_not_depend_on_the_chapters_read(
    documents: list[Document],
) -> None:
    of_both = {document.id: document.split for document in documents}
    alone = {document.id: document.split for document in FORMAT.read("icd10cm:3")}
    assert alone
    assert alone.items() <= of_both.items()


def test_chapter_with_few_documents_has_no_category() -> None:
    found = list(FORMAT.read("icd10cm:22"))
    assert 0 < len(found) < MINIMUM_DOCUMENTS
    assert {document.labels for document in found} == {()}
    assert len(taxonomy("icd10cm:22")) == 0


def test_chapter_named_twice_counts_once() -> None:
    assert len(list(FORMAT.read("icd10cm:3,3"))) == len(list(FORMAT.read("icd10cm:3")))


@pytest.mark.parametrize("source", ["icd10cm:99", "icd10cm:3,99", "icd10cm:3,,99", "icd10cm:J45"])
def test_unknown_chapter_is_named_with_those_there_are(source: str) -> None:
    unknown = source.rsplit(",", maxsplit=1)[-1].removeprefix("icd10cm:")
    for attempt in (taxonomy, lambda named: list(FORMAT.read(named))):
        with pytest.raises(HTransError, match=rf"no chapter .*{unknown}; it has 1, 2, .*, 22"):
            attempt(source)


def test_only_the_name_of_the_corpus_is_recognised() -> None:
    assert recognises("icd10cm")
    assert recognises("icd10cm:3")
    assert not recognises("icd10cm.jsonl")
    assert not recognises("./icd10cm")
