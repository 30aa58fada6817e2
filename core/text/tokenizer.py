"""Rule-based tokenizers: text to lower-cased tokens, by spaCy."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from typing import Any, NamedTuple

from core.errors import HTransError
from core.text.plain_text import without_surrogates

ALL_WORDS = 2**31 - 1
"""Word limit that no document reaches."""

Tokenize = Callable[[str, int], list[str]]
"""Function of a text and a maximum number of tokens to lower-cased tokens."""


class LocatedToken(NamedTuple):
    """A lower-cased token and its span `text[start:end]`."""

    text: str
    start: int
    end: int


Locate = Callable[[str, int], list[LocatedToken]]
"""Function of a text and a maximum number of tokens to tokens with spans."""


def blank_language(language: str) -> Any:
    """Create spaCy's blank pipeline of a language (ISO 639 code); needs no trained model."""
    import spacy

    try:
        return spacy.blank(language)
    except ImportError as error:
        reason = " ".join(str(error).split())
        if "[E048]" in reason:
            raise HTransError(
                f"spaCy has no tokenizer for the language {language!r}; use an ISO 639 code such "
                "as en"
            ) from error
        raise HTransError(
            f"spaCy's tokenizer for the language {language!r} needs another package: {reason}"
        ) from error


def _rules_of(language: str) -> Any:
    """SpaCy's tokenizer of a language, without the lexical attributes of words."""
    from spacy.attrs import IS_SPACE

    nlp = blank_language(language)
    getters = nlp.vocab.lex_attr_getters
    nlp.vocab.lex_attr_getters = {IS_SPACE: getters[IS_SPACE]}
    return nlp.tokenizer


LONGEST_PIECE = 128
"""Maximum length of a piece in characters: spaCy's time is quadratic in the length of a piece."""


def pieces(text: str, max_pieces: int = ALL_WORDS) -> list[str]:
    """Split `text` at white space into at most `max_pieces` pieces.

    Pieces longer than `LONGEST_PIECE` are split further. Each piece has at least one token in every
    language.
    """
    result: list[str] = []
    for piece in without_surrogates(text).split(None, max_pieces)[:max_pieces]:
        if len(piece) <= LONGEST_PIECE:
            result.append(piece)
        else:
            starts = range(0, len(piece), LONGEST_PIECE)
            result.extend(piece[start : start + LONGEST_PIECE] for start in starts)
        if len(result) >= max_pieces:
            break
    return result[:max_pieces]


def tokenizer_for(language: str) -> Tokenize:
    """Create spaCy's rule-based tokenizer of a language (ISO 639 code); needs no trained model.

    White space is not a token. The tokenizer reads only as many white-space separated pieces as
    `max_words` needs, because each piece has at least one token.

    Raises:
        HTransError: If spaCy has no tokenizer for the language or needs another package.
    """
    rules = _rules_of(language)
    if not _is_context_free(rules):
        return lambda text, max_words: _tokens(rules, " ".join(pieces(text, max_words)))[:max_words]
    return _CachedTokenizer(language, rules)


def _tokens(rules: Any, text: str) -> list[str]:
    return [token.text.lower() for token in rules(text) if not token.is_space]


def _is_context_free(rules: Any) -> bool:
    """Return True if the tokens of a piece do not depend on the surrounding text.

    Segmenters of languages without spaces read complete sentences, and a rule may contain a space.
    """
    from spacy.tokenizer import Tokenizer

    return type(rules) is Tokenizer and all(len(rule.split()) < 2 for rule in rules.rules or ())


class _CachedTokenizer:
    """Tokenizer with a cache of pieces, ten times as fast as spaCy alone.

    spaCy never frees a word, so cache and tokenizer are recreated when the cache is full.
    """

    _MAX_PIECES = 300_000

    def __init__(self, language: str, rules: Any) -> None:
        self._language = language
        self._rules = rules
        self._cache: dict[str, list[str]] = {}

    def __call__(self, text: str, max_words: int) -> list[str]:
        text_pieces = pieces(text, max_words)
        cache = self._cache
        if len(cache) >= self._MAX_PIECES:
            cache.clear()
            self._rules = _rules_of(self._language)
        if missing := [piece for piece in dict.fromkeys(text_pieces) if piece not in cache]:
            self._add(missing)
        tokens: list[str] = []
        for piece in text_pieces:
            tokens += cache[piece]
            if len(tokens) >= max_words:
                break
        return tokens[:max_words]

    def _add(self, missing: list[str]) -> None:
        ends = list(accumulate(len(piece) + 1 for piece in missing))
        tokens: list[list[str]] = [[] for _ in missing]
        for token in self._rules(" ".join(missing)):
            if not token.is_space:
                tokens[bisect_right(ends, token.idx)].append(token.text.lower())
        self._cache.update(zip(missing, tokens, strict=True))


def locator_for(language: str) -> Locate:
    """Create a tokenizer like `tokenizer_for` that also returns the span of each token."""
    tokenizer = _rules_of(language)

    def locate(text: str, max_words: int) -> list[LocatedToken]:
        text_pieces = pieces(text, max_words)
        # Each lone surrogate becomes one character, so offsets do not change.
        readable = without_surrogates(text)
        joined_starts: list[int] = []  # offsets of the pieces in the joined pieces
        text_starts: list[int] = []  # offsets of the pieces in the text
        length = end = 0
        for piece in text_pieces:
            joined_starts.append(length)
            text_starts.append(readable.index(piece, end))
            length += len(piece) + 1
            end = text_starts[-1] + len(piece)
        tokens: list[LocatedToken] = []
        for token in tokenizer(" ".join(text_pieces)):
            if len(tokens) == max_words:
                break
            if not token.is_space:
                index = bisect_right(joined_starts, token.idx) - 1
                start = text_starts[index] + token.idx - joined_starts[index]
                tokens.append(LocatedToken(token.text.lower(), start, start + len(token.text)))
        return tokens

    return locate
