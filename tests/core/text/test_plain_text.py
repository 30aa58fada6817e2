"""Text made safe to show in a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.text.plain_text import printable


@pytest.mark.parametrize(
    "text", ["", "Low tide.", "Tromsø – 引き潮 – جزر – हिन्दी", "🌊👩‍🚀", "e\u0301", "100\u00a0%"]
)
def test_letters_of_every_script_stay(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x1b]0;title\x07", "␛[2J␛]0;title␇"),
        ("a\nb\r\nc\td", "a b  c d"),
        ("low tide\x1b", "low tide␛"),
        ("\x00\x08\x7f", "␀␈␡"),
        ("\x9b31m", "\\u009b31m"),
        ("user\u202etxt.exe\u2069", "user\\u202etxt.exe\\u2069"),
        ("\ud800", "\\ud800"),
    ],
)
def test_control_characters_are_shown_instead_of_sent(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize(
    "end", ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029"]
)
def test_text_with_any_line_end_is_one_line(end: str) -> None:
    assert len(printable(f"one{end}two").splitlines()) == 1


@given(st.text(st.characters() | st.characters(categories=["Cc", "Cs", "Cf"])))
def test_nothing_that_is_printed_controls_the_terminal(text: str) -> None:
    shown = printable(text)
    assert all(unicodedata.category(character) not in ("Cc", "Cs") for character in shown)
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    assert len(shown) >= len(text)
