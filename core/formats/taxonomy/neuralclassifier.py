"""NeuralClassifier's and HiAGM's taxonomies: a parent and all its children on one line.

Source: `data/rcv1.taxonomy` of github.com/Tencent/NeuralNLP-NeuralClassifier (tabs, `Root`) and
`data/nyt.taxonomy` of github.com/Alibaba-NLP/HiAGM (blanks, `ROOT`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from core.corpus.taxonomy import Edge
from core.formats.taxonomy.format import Sample, TaxonomyFormat
from core.formats.taxonomy.text_lines import TextLines

_ROOTS = frozenset(("Root", "ROOT", "root"))


def edges(path: Path, _language: str | None = None) -> Iterator[Edge]:
    """The edges of lines `parent<TAB>child<TAB>child…`; the parent of the top level is `Root`.

    If the first line has no tab, blanks separate.
    """
    root: str | None = None
    separator: str | None = None
    lines = TextLines(path)
    for line in lines:
        if root is None:
            separator = "\t" if "\t" in line else None
            root = _cells(line, separator)[0]
            if root not in _ROOTS:
                raise lines.wrong(
                    f"begins with {root[:40]!r} instead of 'Root'; the first line is 'Root' and "
                    "the categories of the top level"
                )
        parent, *children = _cells(line, separator)
        if not parent or not children or not all(children):
            raise lines.wrong(
                "a line is a parent and its children, with a tab between any two of them; "
                "remove or complete this one"
            )
        if root in children:
            raise lines.wrong(
                f"{root!r} stands above all categories and cannot be a child of {parent!r}; "
                "rename one of them"
            )
        for child in children:
            yield Edge(child, None if parent == root else parent, child, lines.number)


def _recognises(sample: Sample) -> bool:
    if not sample.lines or any(line[0].isspace() for line in sample.lines):
        return False
    separator = "\t" if "\t" in sample.lines[0] else None
    rows = [_cells(line, separator) for line in sample.lines]
    return rows[0][0] in _ROOTS and (
        sample.name.endswith(".taxonomy") or any(len(row) > 2 for row in rows)
    )


def _cells(line: str, separator: str | None) -> list[str]:
    return [cell.strip() for cell in line.rstrip().split(separator)]


FORMAT = TaxonomyFormat(
    "neuralclassifier",
    "NeuralClassifier's and HiAGM's lines of a parent and its children; the top is Root",
    _recognises,
    edges,
)
