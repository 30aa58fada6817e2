"""No taxonomy file: labels that are paths (`A--B--C`, `A > B`, `A/B`) make their own taxonomy."""

from __future__ import annotations

from collections.abc import Iterable

from core.corpus.taxonomy import Edge, Taxonomy

SEPARATORS = ("--", " > ", "/")


def infer(labels: Iterable[str]) -> Taxonomy:
    """The taxonomy of `labels`: the id of a category is its whole path, its name the last part.

    The separator is the first of `SEPARATORS` that occurs in any label; where none does, every
    label is a top-level category. Empty parts, as in `A//B` and `A/`, belong to their neighbours.
    """
    distinct = list(dict.fromkeys(labels))
    separator = next((s for s in SEPARATORS if any(s in label for label in distinct)), None)
    edges: dict[str, Edge] = {}
    for label in distinct:
        parent: str | None = None
        for prefix in _prefixes(label, separator):
            if prefix not in edges:
                name = prefix
                if parent is not None and separator is not None:
                    name = prefix[len(parent) + len(separator) :]
                edges[prefix] = Edge(prefix, parent, name)
            parent = prefix
    return Taxonomy(edges.values(), "the labels' paths")


def _prefixes(label: str, separator: str | None) -> list[str]:
    if separator is None:
        return [label]
    cuts = []
    start = 0
    content = label
    while content.endswith(separator):
        content = content.removesuffix(separator)
    while (at := content.find(separator, start)) >= 0:
        if at > start:
            cuts.append(label[:at])
        start = at + len(separator)
    return [*cuts, label]
