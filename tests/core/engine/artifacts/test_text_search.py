"""Searching the texts of a corpus: nothing that is asked for is read as an operator."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.engine.artifacts.text_search import ensure_search_index, search, search_path
from core.errors import HTransError
from core.workspace import Workspace
from db.connection import Store
from db.corpora import add_categories, add_documents, begin_corpus, finish_corpus
from tests.support.builders import taxonomy

TEXTS = [
    "The tide was low, and the gulls cried.",
    "Tidewater or gulls: not near the sea",
    'He said "low tide" and went away',
    "Déjà vu in the CAFÉ; naïve Übung, ÅNGSTRÖM",
    "NOT AND OR NEAR are words of a query",
    "a 👍 and a 🐈‍⬛, price 5.30 € for 1987-10",
    "text: column, ^start, star*, minus-sign, plus+sign (in) {braces}",
    "null\0byte 引き潮 מים",
    "low the tide",
    "",
]


def words_of(text: str) -> list[str]:
    """As SQLite cuts it: letters and digits, without marks on them, in lower case."""
    plain = unicodedata.normalize("NFD", text)
    plain = "".join(c for c in plain if not unicodedata.combining(c)).lower()
    return re.findall(r"[^\W_]+", plain)


def with_words_that_begin_with(*wanted: str) -> list[int]:
    return [
        number
        for number, text in enumerate(TEXTS)
        if all(any(word.startswith(w) for word in words_of(text)) for w in wanted)
    ]


def record_texts(store: Store, name: str, texts: list[str]) -> int:
    corpus_id = begin_corpus(store, name, "en", "jsonl", "edges", 100, (1, 1.0))
    with store.write():
        add_categories(store, corpus_id, taxonomy({"sea": None}))
        documents = [(i, f"d{i}", "train", text) for i, text in enumerate(texts)]
        add_documents(store, corpus_id, documents, [])
    finish_corpus(store, corpus_id, len(texts), 0, 1)
    return corpus_id


@pytest.fixture
def corpus(store: Store, workspace: Workspace) -> int:
    """`TEXTS` beside another corpus."""
    record_texts(store, "another", ["tide gulls low"] * 30)
    corpus_id = record_texts(store, "sea", TEXTS)
    workspace.corpus(corpus_id).mkdir(parents=True)
    return corpus_id


@pytest.fixture
def indexed(workspace: Workspace, corpus: int) -> int:
    assert ensure_search_index(workspace, corpus)
    return corpus


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("tide", ["tide"]),
        ("TIDE gul", ["tide", "gul"]),
        ("tide OR gulls", ["tide", "or", "gulls"]),
        ("tide AND low", ["tide", "and", "low"]),
        ("low NOT tide", ["low", "not", "tide"]),
        ("NOT", ["not"]),
        ("NEAR", ["near"]),
        ("text:", ["text"]),
        ("^start", ["start"]),
        ("star*", ["star"]),
        ("(in)", ["in"]),
        ("{braces}", ["braces"]),
        ("-low", ["low"]),
        ("+low", ["low"]),
        ("'low'", ["low"]),
        ('"low', ["low"]),
        ('lo"w', ["low"]),
        ("cafe", ["cafe"]),
        ("CAFÉ naïve", ["cafe", "naive"]),
        ("angstrom", ["angstrom"]),
        ("5", ["5"]),
        ("引き潮", ["引き潮"]),
        ("מים", ["מים"]),
        ("low 👍", ["low"]),
        ("null\0byte", ["null", "byte"]),
        ("low \ud800", ["low"]),
        ("; DROP", ["drop"]),
    ],
)
def test_all_words_asked_for_must_begin_words_of_the_document(
    workspace: Workspace, indexed: int, asked: str, words: list[str]
) -> None:
    assert search(workspace, indexed, asked).tolist() == with_words_that_begin_with(*words)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ('"low tide"', [2]),
        ('"the tide"', [0, 8]),
        ('"Low TIDE" away', [2]),
        ('"tid"', []),
        ('"tide" "low"', [0, 2, 8]),
        ('"not near"', [1]),
        ('"not" "near"', [1, 4]),
        ('"deja vu"', [3]),
        ('"star*"', [6]),
        ('"sta*"', []),
        ('"" tide', [0, 1, 2, 8]),
        ("minus-sign", [6]),
        ("sign-minus", []),
    ],
)
def test_words_in_quotes_are_whole_and_stand_in_that_order(
    workspace: Workspace, indexed: int, asked: str, found: list[int]
) -> None:
    assert search(workspace, indexed, asked).tolist() == found


@pytest.mark.parametrize(
    "asked", ["", "   ", '""', '"', "*", "^", "-", "( )", "👍", "\0", ":", "\ud800"]
)
def test_nothing_to_look_for_finds_nothing(workspace: Workspace, indexed: int, asked: str) -> None:
    assert search(workspace, indexed, asked).tolist() == []


@pytest.mark.slow
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.sampled_from(
            [
                *("AND", "OR", "NOT", "NEAR", "NEAR(a b, 2)", "*", "^", ":", "-", "+", "(", ")"),
                *("{", "}", '"', "'", "text", "low", "tide", "\0", "👍", "\\", "%", ";", ",", " "),
            ]
        )
        | st.text(st.characters(exclude_categories=()), max_size=4),
        max_size=8,
    ),
    st.sampled_from(["", " "]),
)
def test_whatever_is_asked_for_has_an_answer(
    workspace: Workspace, indexed: int, parts: list[str], between: str
) -> None:
    found = search(workspace, indexed, between.join(parts))
    assert found.tolist() == sorted(set(found.tolist()))
    assert all(0 <= number < len(TEXTS) for number in found)


def test_index_is_made_once(workspace: Workspace, indexed: int) -> None:
    before = search_path(workspace, indexed).stat()
    assert ensure_search_index(workspace, indexed, lambda *_: pytest.fail("made again"))
    assert search_path(workspace, indexed).stat().st_mtime_ns == before.st_mtime_ns


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("chunks", [0, 1, 3])
def test_index_that_is_not_wanted_any_longer_leaves_nothing_and_is_made_later(
    workspace: Workspace, corpus: int, monkeypatch: pytest.MonkeyPatch, chunks: int
) -> None:
    monkeypatch.setattr("db.search_index._CHUNK", 3)
    answers = iter([False] * chunks + [True])
    assert not ensure_search_index(workspace, corpus, stop=lambda: next(answers))
    assert files(workspace.corpus(corpus)) == []
    with pytest.raises(HTransError, match=r"search\.db"):
        search(workspace, corpus, "tide")
    told: list[tuple[int, int]] = []
    assert ensure_search_index(workspace, corpus, lambda done, total: told.append((done, total)))
    assert told == [(0, 10), (3, 10), (6, 10), (9, 10), (10, 10)]
    assert files(workspace.corpus(corpus)) == ["search.db"]
    assert search(workspace, corpus, "tide").tolist() == with_words_that_begin_with("tide")


def test_interrupted_indexing_leaves_nothing(workspace: Workspace, corpus: int) -> None:
    def interrupt() -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ensure_search_index(workspace, corpus, stop=interrupt)
    assert files(workspace.corpus(corpus)) == []


def test_damaged_index_is_named_with_the_remedy(workspace: Workspace, indexed: int) -> None:
    search_path(workspace, indexed).write_bytes(b"no database at all" * 100)
    with pytest.raises(HTransError, match=r"search\.db: cannot be searched .*; remove it"):
        search(workspace, indexed, "tide")


def test_corpus_without_documents_has_an_index(store: Store, workspace: Workspace) -> None:
    corpus_id = record_texts(store, "empty", [])
    assert ensure_search_index(workspace, corpus_id)
    assert search(workspace, corpus_id, "tide").tolist() == []
