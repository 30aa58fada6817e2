"""The topic hierarchy of RCV1: `rcv1.topics.hier.orig`.

Source: Lewis, Yang, Rose and Li, "RCV1: A New Benchmark Collection for Text Categorization
Research", JMLR 5 (2004), online appendix 2.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from core.corpus.taxonomy import Edge
from core.formats.taxonomy.format import Sample, TaxonomyFormat
from core.formats.taxonomy.text_lines import TextLines

_ROOT = "Root"
_NONE = "None"


def edges(path: Path, _language: str | None = None) -> Iterator[Edge]:
    """The edges of lines `parent: A child: B child-description: NAME`; `Root` is no category."""
    lines = TextLines(path)
    for line in lines:
        fields = _fields(line)
        if fields is None:
            raise lines.wrong(
                "is not of the shape 'parent: A child: B child-description: NAME'; correct it"
            )
        parent, child, name = fields
        if child != _ROOT:
            top = parent in (_ROOT, _NONE)
            yield Edge(child, None if top else parent, name or child, lines.number)
        elif parent != _NONE:
            raise lines.wrong(
                f"{_ROOT!r} stands above all categories and cannot be a child of {parent!r}; "
                "rename one of them"
            )


def _fields(line: str) -> tuple[str, str, str] | None:
    start, described, name = f" {' '.join(line.split())} ".partition(" child-description: ")
    before, _, child = start.partition(" child: ")
    empty, found, parent = before.partition(" parent: ")
    if empty or not found or not parent or not child or not described:
        return None
    return parent, child, name.rstrip()


def _recognises(sample: Sample) -> bool:
    return bool(sample.lines) and _fields(sample.lines[0]) is not None


FORMAT = TaxonomyFormat(
    "rcv1-hier",
    "the hierarchy of RCV1's topics, rcv1.topics.hier.orig",
    _recognises,
    edges,
)
