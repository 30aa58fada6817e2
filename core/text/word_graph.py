"""Graph-of-words of a document and the grid that DGCNN reads.

Peng et al. 2018, "Large-Scale Hierarchical Text Classification with Recursively Regularized Deep
Graph-CNN" (WWW), section 3. The sizes are those of the published code for RCV1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from core.text.tokenizer import blank_language, pieces

WINDOW = 3
"""Co-occurrence window: words at a distance of at most two are neighbours."""
NODES = 96
"""Number of rows of the grid: one per node."""
NEIGHBOURS = 10
"""Words per row: the node and its neighbours in the graph."""
GRID = NODES * NEIGHBOURS

ContentWords = Callable[[str, int], list[str]]
"""Function of a text and a maximum number of words to lemmas of content words."""
Graph = dict[str, dict[str, int]]
"""Co-occurrence counts: word to neighbour to count."""


def content_words_for(language: str) -> ContentWords:
    """Create the preprocessing of DGCNN for a language (ISO 639 code).

    Selects lower-cased alphabetic words except stop words, lemmatised by spaCy's look-up table if
    the language has one.
    """
    from spacy.lookups import load_lookups

    nlp = blank_language(language)
    lookups = load_lookups(language, ["lemma_lookup"], strict=False)
    lemmas = lookups.get_table("lemma_lookup") if lookups.has_table("lemma_lookup") else {}

    def content_words(text: str, max_words: int) -> list[str]:
        words: list[str] = []
        for token in nlp.tokenizer(" ".join(pieces(text))):
            if len(words) == max_words:
                break
            if token.is_alpha and not token.is_stop:
                word = token.text.lower()
                words.append(str(lemmas.get(word, word)).lower())
        return words

    return content_words


def word_graph(words: Sequence[str]) -> Graph:
    """Build the undirected co-occurrence graph of different words within `WINDOW`."""
    graph: Graph = {word: {} for word in words}
    for i, word in enumerate(words):
        for other in words[i + 1 : i + WINDOW]:
            if other != word:
                graph[word][other] = graph[word].get(other, 0) + 1
                graph[other][word] = graph[other].get(word, 0) + 1
    return graph


def row(graph: Graph, start: str, length: int = NEIGHBOURS) -> list[str]:
    """Breadth-first search from `start`, heaviest edges first; at most `length` words.

    Ties between edges keep the order of insertion.
    """
    words = [start]
    seen = {start}
    for word in words:
        for neighbour, _ in sorted(graph[word].items(), key=lambda edge: -edge[1]):
            if len(words) == length:
                return words
            if neighbour not in seen:
                seen.add(neighbour)
                words.append(neighbour)
    return words


def nodes(words: Sequence[str]) -> list[str]:
    """Distinct words by descending frequency, ties in order of appearance; at most `NODES`."""
    return [word for word, _ in Counter(words).most_common(NODES)]


def grid(words: Sequence[str]) -> list[str]:
    """Flattened grid of `NODES` rows with `NEIGHBOURS` words each; missing words are empty."""
    graph = word_graph(words)
    cells: list[str] = []
    for node in nodes(words):
        words_of_row = row(graph, node)
        cells += words_of_row + [""] * (NEIGHBOURS - len(words_of_row))
    return cells + [""] * (GRID - len(cells))
