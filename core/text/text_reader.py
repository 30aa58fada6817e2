"""How a trained hierarchy reads a text: the same way as the documents that it was trained on."""

from __future__ import annotations

from collections.abc import Iterable

from core.text.tokens import (
    ALL_WORDS,
    LocatedToken,
    TokenArrays,
    Vocabulary,
    locator_for,
    tokenizer_for,
)
from core.text.word_graph import content_words_for, grid


class TextReader:
    """Texts to words, and words to what a network reads.

    `language` is an ISO 639 code, `max_words` are read of each text, 0 for all. With `as_graph` a
    network reads the graph of a text's content words, which have no place in the text.
    """

    def __init__(self, language: str, max_words: int, *, as_graph: bool) -> None:
        self.language = language
        self.max_words = max_words
        self.as_graph = as_graph
        self._most = max_words or ALL_WORDS
        self._words = content_words_for(language) if as_graph else tokenizer_for(language)
        self._locate = locator_for(language)

    def words(self, text: str) -> list[str]:
        """The words of a text; none of one without any."""
        return self._words(text, self._most)

    def tokens(self, text: str) -> list[LocatedToken]:
        """The words with their places in the text; for a graph the places are empty."""
        if self.as_graph:
            return [LocatedToken(word, 0, 0) for word in self.words(text)]
        return self._locate(text, self._most)

    def encode(self, words: list[str], vocabulary: Vocabulary) -> list[int]:
        """Token ids of what a network reads of these words."""
        return vocabulary.encode(grid(words) if self.as_graph else words)

    def arrays(self, documents: Iterable[list[str]], vocabulary: Vocabulary) -> TokenArrays:
        """The token arrays of documents, each given by its words."""
        return TokenArrays.of(self.encode(words, vocabulary) for words in documents)
