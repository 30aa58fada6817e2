"""Tokens of languages other than English."""

from __future__ import annotations

import pytest
import spacy

from core.errors import HTransError
from core.text.tokenizer import locator_for, pieces, tokenizer_for

TEXTS = {
    "de": ("Die z.B. am 3. Okt. geöffnete Straße war's.", 100),
    "it": ("L'acqua d'oggi, cioè quest'ora: dell'8 sett…", 100),
    "ru": ("Москва и т. е. столица — 12 тыс. км.", 100),
    "zh": ("今天潮水很低。ABC 引き潮", 100),
    "ar": ("رأينا اليوم، البحر والميناء!", 100),
    "he": ("הים נמוך היום, נכון?", 100),
    "hi": ("आज ज्वार कम है। कल?", 100),
    "xx": ("déjà vu, 引き潮; جزر — low tide.", 100),
}


@pytest.mark.parametrize("language", list(TEXTS))
def test_tokens_are_those_of_spacy_in_lower_case(language: str) -> None:
    text, most = TEXTS[language]
    rules = spacy.blank(language).tokenizer
    expected = [t.text.lower() for t in rules(" ".join(pieces(text))) if not t.is_space]
    tokenize = tokenizer_for(language)
    for _ in range(2):  # the second time from memory
        assert tokenize(text, most) == expected
        for words in (1, 3):
            assert tokenize(text, words) == expected[:words]


def test_german_abbreviations_and_dates_are_one_token() -> None:
    tokens = tokenizer_for("de")(TEXTS["de"][0], 100)
    assert tokens[:6] == ["die", "z.b.", "am", "3.", "okt.", "geöffnete"]
    assert tokenizer_for("en")(TEXTS["de"][0], 100) != tokens


def test_chinese_is_cut_into_characters() -> None:
    assert tokenizer_for("zh")("今天潮水", 3) == ["今", "天", "潮"]


@pytest.mark.parametrize("language", list(TEXTS))
def test_tokens_stand_where_the_text_has_them(language: str) -> None:
    text, most = TEXTS[language]
    found = locator_for(language)(text, most)
    assert [token.text for token in found] == tokenizer_for(language)(text, most)
    assert all(text[token.start : token.end].lower() == token.text for token in found)


def test_a_language_without_its_package_says_which_is_missing() -> None:
    with pytest.raises(HTransError, match=r"'ja' needs another package: .*SudachiPy"):
        tokenizer_for("ja")
