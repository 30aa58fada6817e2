"""Preprocessing of texts for prediction, identical to that of the training documents."""

from __future__ import annotations

from collections.abc import Iterable

from core.text.token_arrays import TokenArrays
from core.text.tokenizer import ALL_WORDS, LocatedToken, locator_for, tokenizer_for
from core.text.vocabulary import Vocabulary
from core.text.word_graph import content_words_for, grid


class TextReader:
    """Converts texts to words, and words to the token ids that a network reads."""

    def __init__(self, language: str, max_words: int, *, as_graph: bool) -> None:
        """Create a reader.

        Args:
            language: ISO 639 code.
            max_words: Maximum number of words read per text, 0 for all.
            as_graph: True for networks that read the graph of a text's content words.
        """
        self.language = language
        self.max_words = max_words
        self.as_graph = as_graph
        self._limit = max_words or ALL_WORDS
        self._words = content_words_for(language) if as_graph else tokenizer_for(language)
        self._locate = locator_for(language)

    def words(self, text: str) -> list[str]:
        """Words of a text; empty for a text without words."""
        return self._words(text, self._limit)

    def tokens(self, text: str) -> list[LocatedToken]:
        """Words with their spans in the text; the spans are empty for a graph."""
        if self.as_graph:
            return [LocatedToken(word, 0, 0) for word in self.words(text)]
        return self._locate(text, self._limit)

    def encode(self, words: list[str], vocabulary: Vocabulary) -> list[int]:
        """Token ids of the network's input."""
        return vocabulary.encode(grid(words) if self.as_graph else words)

    def arrays(self, documents: Iterable[list[str]], vocabulary: Vocabulary) -> TokenArrays:
        """Token arrays of documents, given the words of each document."""
        return TokenArrays.of(self.encode(words, vocabulary) for words in documents)
