"""A document as a graph of its words, and the grid that DGCNN reads of it.

Peng et al. 2018, "Large-Scale Hierarchical Text Classification with Recursively Regularized Deep
Graph-CNN" (WWW), section 3, with the sizes that its published code uses on RCV1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from core.text.tokens import blank_language, pieces

WINDOW = 3
"""Words that stand this close together are neighbours: those at most two places apart."""
NODES = 96
"""Words of a document that have a row of their own."""
NEIGHBOURS = 10
"""Words in a row: the word itself and those around it in the graph."""
GRID = NODES * NEIGHBOURS

ContentWords = Callable[[str, int], list[str]]
"""Text and the most words wanted, to lemmas of its content words."""
Graph = dict[str, dict[str, int]]
"""For each word its neighbours, and how often each stood close to it."""


def content_words_for(language: str) -> ContentWords:
    """What DGCNN takes of a text in a language (ISO 639 code).

    Lower-cased alphabetic words that are no stop words, each as spaCy's look-up table lemmatises
    it; where spaCy has no table for the language, as it is.
    """
    from spacy.lookups import load_lookups

    nlp = blank_language(language)
    lookups = load_lookups(language, ["lemma_lookup"], strict=False)
    lemmas = lookups.get_table("lemma_lookup") if lookups.has_table("lemma_lookup") else {}

    def content_words(text: str, max_words: int) -> list[str]:
        found: list[str] = []
        for token in nlp.tokenizer(" ".join(pieces(text))):
            if len(found) == max_words:
                break
            if token.is_alpha and not token.is_stop:
                word = token.text.lower()
                found.append(str(lemmas.get(word, word)).lower())
        return found

    return content_words


def word_graph(words: Sequence[str]) -> Graph:
    """Undirected counts of how often two different words stand within `WINDOW` of each other."""
    graph: Graph = {word: {} for word in words}
    for i, word in enumerate(words):
        for other in words[i + 1 : i + WINDOW]:
            if other != word:
                graph[word][other] = graph[word].get(other, 0) + 1
                graph[other][word] = graph[other].get(word, 0) + 1
    return graph


def row(graph: Graph, start: str, length: int = NEIGHBOURS) -> list[str]:
    """`start` and the words that a breadth-first walk from it meets, heaviest edges first.

    Of equal edges the one that came about first goes first. At most `length` words.
    """
    found = [start]
    seen = {start}
    for word in found:
        for neighbour, _ in sorted(graph[word].items(), key=lambda edge: -edge[1]):
            if len(found) == length:
                return found
            if neighbour not in seen:
                seen.add(neighbour)
                found.append(neighbour)
    return found


def nodes(words: Sequence[str]) -> list[str]:
    """The distinct words by descending frequency, ties as they come; at most `NODES`."""
    return [word for word, _ in Counter(words).most_common(NODES)]


def grid(words: Sequence[str]) -> list[str]:
    """`NODES` rows of `NEIGHBOURS` words, row after row; missing words are empty."""
    graph = word_graph(words)
    cells: list[str] = []
    for node in nodes(words):
        found = row(graph, node)
        cells += found + [""] * (NEIGHBOURS - len(found))
    return cells + [""] * (GRID - len(cells))
