"""What becomes of what a source says, and which documents are held out."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.corpus.documents import MAX_LABELS, MAX_NAME, Document, document_of, held_out
from core.errors import InputError
from tests.support.examples import examples

IDS = [f"d{i}" for i in range(5_000)]


def test_labels_are_stripped_and_count_once() -> None:
    made = document_of("here", "key", " text ", [" sea", "sky\n", "sea", "a\0"], "test")
    assert made == Document("key", " text ", ("sea", "sky", "a\ufffd"), "test", "here")


def test_nothing_that_cannot_be_stored_is_left() -> None:
    made = document_of("pl\udcffce\0", "k\0\ud800", "t\0\udfff", ["l\0\ud800"])
    for text in (made.location, made.id, made.text, *made.labels):
        assert "\0" not in text
        text.encode()


@pytest.mark.parametrize(
    ("key", "labels", "said"),
    [
        ("k", ["sea", " \t"], "here: an empty label; remove it"),
        ("k", map(str, range(MAX_LABELS + 1)), "here: 10,001 labels; more than 10,000 are"),
        ("k", ["\n\x1b" * MAX_NAME], "here: a label of 1,999 characters, '\\x1b\\n"),
        ("k" * (MAX_NAME + 1), [], "here: an id of 1,001 characters; "),
    ],
    ids=range(4),
)
def test_what_is_no_id_or_label_is_refused(key: str, labels: Iterable[str], said: str) -> None:
    with pytest.raises(InputError) as caught:
        document_of("here", key, "text", labels)
    assert str(caught.value).startswith(said)
    assert str(caught.value).isprintable()


def test_longest_names_and_most_labels_are_taken() -> None:
    made = document_of("here", "k" * MAX_NAME, "", map(str, range(MAX_LABELS)))
    assert (len(made.id), len(made.labels)) == (MAX_NAME, MAX_LABELS)
    assert document_of("here", "k", "", ["x" * MAX_NAME] * 20_000).labels[0][:1] == "x"


def test_share_of_held_out_documents_is_the_fraction() -> None:
    for fraction in (0.1, 0.2, 0.5):
        share = sum(held_out(id_, fraction) for id_ in IDS) / len(IDS)
        assert abs(share - fraction) < 0.02


def test_nothing_is_held_out_at_zero_and_everything_at_one() -> None:
    assert not any(held_out(id_, 0.0) for id_ in IDS)
    assert all(held_out(id_, 1.0) for id_ in IDS)


def test_choice_is_the_same_in_every_release() -> None:
    # A corpus imported again, or grown, must keep its split: these may never change.
    assert [i for i in range(30) if held_out(f"d{i}", 0.2)] == [0, 9, 19, 22, 25, 29]


def test_other_seed_holds_out_other_documents() -> None:
    first = {id_ for id_ in IDS if held_out(id_, 0.5, seed=0)}
    second = {id_ for id_ in IDS if held_out(id_, 0.5, seed=1)}
    assert 0.4 < len(first & second) / len(first) < 0.6


@pytest.mark.slow
@settings(max_examples=examples(100))
@given(st.text(st.characters(codec="utf-8"), max_size=20), st.floats(0, 1), st.floats(0, 1))
def test_larger_fraction_keeps_what_a_smaller_one_held_out(
    id_: str, one: float, two: float
) -> None:
    smaller, larger = sorted((one, two))
    assert held_out(id_, smaller) <= held_out(id_, larger)
