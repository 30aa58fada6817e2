"""An outline: one category a line, below the line above it that is indented less."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from core.corpus.taxonomy import Edge
from core.errors import InputError
from core.formats.taxonomy.edges import has_header, is_pairs
from core.formats.taxonomy.format import Sample, TaxonomyFormat
from core.formats.taxonomy.text_lines import text_lines


def edges(path: Path, _language: str | None = None) -> Iterator[Edge]:
    """The edges of lines `id` or `id<TAB>name`, indented with tabs or with spaces."""
    above: list[tuple[int, str]] = []
    kind: str | None = None
    for number, line in text_lines(path):
        if not line.strip():
            continue
        indent = line[: len(line) - len(line.lstrip())]
        kind = kind or indent[:1] or None
        _check(indent, kind, above, path, number)
        dedented = False
        while above and above[-1][0] >= len(indent):
            dedented = above.pop()[0] != len(indent)
        if dedented:
            raise InputError(
                f"indented by {len(indent)}, as no line above it is; indent it like one of them",
                source=path,
                line=number,
            )
        category_id, *rest = (cell.strip() for cell in line.strip().split("\t"))
        if len(rest) > 1:
            raise InputError(
                f"{len(rest) + 1} columns; a line is an id, or an id, a tab and a name",
                source=path,
                line=number,
            )
        yield Edge(category_id, above[-1][1] if above else None, (rest or [category_id])[0], number)
        above.append((len(indent), category_id))


def _check(
    indent: str, kind: str | None, above: list[tuple[int, str]], path: Path, number: int
) -> None:
    if indent and not above:
        raise InputError(
            "the first category is indented; move it to the left", source=path, line=number
        )
    if set(indent) - {"\t", " "}:
        raise InputError(
            "indented by a character that is neither tab nor space; use tabs or spaces",
            source=path,
            line=number,
        )
    if set(indent) - {kind}:
        raise InputError(
            "tabs and spaces are mixed in the indentation; use one of them in the whole file",
            source=path,
            line=number,
        )


def _recognises(sample: Sample) -> bool:
    lines = sample.lines
    if not lines or lines[0][0].isspace() or not any(line[0].isspace() for line in lines):
        return False
    if has_header(sample):
        return False
    if "\t" in lines[0] and any(line.startswith(" ") for line in lines):
        return True
    return not (("\t" in lines[0] or "," in lines[0]) and is_pairs(sample))


FORMAT = TaxonomyFormat(
    "indented",
    "an outline: one category a line (id, or id, tab, name), indented with tabs or spaces",
    _recognises,
    edges,
)
