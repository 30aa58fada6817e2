"""Texts without white space, and where each token stands in its text."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.text import tokenizer as module
from core.text.plain_text import without_surrogates
from core.text.tokenizer import ALL_WORDS, LONGEST_PIECE, locator_for, pieces, tokenizer_for

pytestmark = pytest.mark.slow

ENGLISH = tokenizer_for("en")
LOCATE = locator_for("en")

parts = st.text(st.characters(exclude_categories=()), max_size=6) | st.sampled_from(
    [
        *("don't", "U.S.", "a.b@c.org", ":-)", "...", "İstanbul", "ΑΣ", "שלום", "مرحبا", "\u202e"),
        *("👍🏽", "👩‍👩‍👧", "\ud800", "\udfff", "\0", "\ufeff", "é"),
        *(" ", "  ", "\n", "\r\n", "\t", "\x1c", "\x85", "\u00a0", "\u1680", "\u2003", "\u2028"),
        *("\u3000", "\u200b", "x" * LONGEST_PIECE, "y" * (3 * LONGEST_PIECE + 1), "(" * 300),
    ]
)
texts = st.lists(parts, max_size=12).map("".join)


@settings(max_examples=300, deadline=None)
@given(texts, st.integers(1, 30))
def test_located_tokens_are_those_of_the_tokenizer_and_stand_where_they_say(
    text: str, max_words: int
) -> None:
    found = LOCATE(text, max_words)
    assert [token.text for token in found] == ENGLISH(text, max_words)
    readable = without_surrogates(text)
    assert len(readable) == len(text), "places would not be those of the text"
    end = 0
    for token in found:
        assert token.start >= end, "tokens stand one after the other"
        assert readable[token.start : token.end].lower() == token.text
        end = token.end


@settings(max_examples=200, deadline=None)
@given(texts, st.integers(1, 30))
@example("x" * 1000, 3)
def test_pieces_are_the_text_without_white_space_cut_to_what_was_asked(
    text: str, most: int
) -> None:
    every = pieces(text)
    assert "".join(every) == "".join(without_surrogates(text).split())
    assert all(0 < len(piece) <= LONGEST_PIECE for piece in every)
    assert pieces(text, most) == every[:most]


@settings(max_examples=100, deadline=None)
@given(texts)
def test_each_piece_has_a_token(text: str) -> None:
    assert all(ENGLISH(piece, ALL_WORDS) for piece in pieces(text))


def test_pieces_of_the_longest_length_stay_whole() -> None:
    assert pieces("a" * LONGEST_PIECE + " b") == ["a" * LONGEST_PIECE, "b"]
    assert pieces("a" * (LONGEST_PIECE + 1)) == ["a" * LONGEST_PIECE, "a"]


@pytest.mark.parametrize("unit", ["(", "👍", "a", "👩‍👩‍👧", ".", "a-", "\ud800"])
@pytest.mark.parametrize("make", [tokenizer_for, locator_for])
def test_only_as_much_of_a_long_text_is_tokenised_as_the_words_need(
    monkeypatch: pytest.MonkeyPatch, unit: str, make: Any
) -> None:
    seen: list[int] = []
    real = module.blank_language("en")

    def tokenizer(text: str) -> Any:
        seen.append(len(text))
        return real.tokenizer(text)

    blank = SimpleNamespace(tokenizer=tokenizer, vocab=real.vocab)
    monkeypatch.setattr(module, "blank_language", lambda language: blank)
    found = make("en")(unit * 1_000_000, 100)
    assert len(found) == 100
    assert sum(seen) <= 100 * (LONGEST_PIECE + 1)


def test_the_end_of_a_token_is_that_in_the_text_not_in_lower_case() -> None:
    (token,) = LOCATE(" İİ ", 10)
    assert token == ("i̇i̇", 1, 3)
