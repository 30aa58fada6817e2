"""Edges: TSV or CSV with the header `parent`, `id`, `name`, or headerless `parent child` pairs."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from core.corpus.taxonomy import Edge, Taxonomy
from core.errors import InputError, TaxonomyError
from core.formats.taxonomy.format import Sample, TaxonomyFormat
from core.formats.taxonomy.text_lines import TextLines
from core.formats.text_file import check_categories, unwritable, write_text


def edges(path: Path, _language: str | None = None) -> Iterator[Edge]:
    """The edges of a file; the parent is empty at the top.

    In a headerless file of two columns, a parent that is not a child is a top-level category,
    after those with an empty parent.
    """
    lines = TextLines(path)
    rows = _rows(lines)
    first = next(rows, None)
    if first is None:
        raise InputError("is empty; a taxonomy has one category a line", source=path)
    header = [cell.lower() for cell in first]
    if _is_header(header):
        yield from _with_header(lines, rows, header)
    else:
        yield from _pairs(lines, chain([first], rows))


def is_pairs(sample: Sample) -> bool:
    """Whether each line has exactly two columns, and no JSON or XML in them."""
    if not sample.lines or sample.text.lstrip().startswith(("{", "[", "<")):
        return False
    delimiter = _delimiter(sample.lines[0])
    return all(len(_cells(line, delimiter)) == 2 for line in sample.lines)


def has_header(sample: Sample) -> bool:
    """Whether the first line names the columns parent and id."""
    first = sample.lines[0] if sample.lines else ""
    return _is_header([cell.lower() for cell in _cells(first, _delimiter(first))])


def _recognises(sample: Sample) -> bool:
    return sample.name.endswith((".tsv", ".csv")) or has_header(sample) or is_pairs(sample)


def _is_header(cells: list[str]) -> bool:
    return "id" in cells and "parent" in cells


def _delimiter(line: str) -> str:
    return "\t" if "\t" in line else "," if "," in line else " "


def _cells(line: str, delimiter: str) -> list[str]:
    if delimiter == " " and not line.startswith(" "):
        return line.split()
    return [cell.strip() for cell in line.split(delimiter)]


def _rows(lines: TextLines) -> Iterator[list[str]]:
    """Rows that are not blank; cells without outer blanks."""
    texts = iter(lines)
    first = next(texts, "")
    delimiter = _delimiter(first)
    if delimiter != ",":
        yield from (_cells(line, delimiter) for line in chain([first] if first else [], texts))
        return
    try:
        for row in csv.reader(line + "\n" for line in chain([first], texts)):
            if any(cell.strip() for cell in row):
                yield [cell.strip() for cell in row]
    except csv.Error as error:
        raise lines.wrong(f"cannot be read as a table: {error}") from error


def _with_header(lines: TextLines, rows: Iterator[list[str]], header: list[str]) -> Iterator[Edge]:
    category = ""
    for row in rows:
        if len(row) > len(header):
            raise lines.wrong(f"{len(row)} columns, but the header has {len(header)}")
        record = dict(zip(header, row, strict=False))
        category = record.get("id", "")
        if not category:
            raise lines.wrong("the column id is empty")
        parent, name = record.get("parent") or None, record.get("name") or category
        yield Edge(category, parent, name, lines.number)
    if not category:
        raise InputError("has a header but no category", source=lines.path)


def _pairs(lines: TextLines, rows: Iterator[list[str]]) -> Iterator[Edge]:
    children: set[str] = set()
    parents: dict[str, int] = {}
    for cells in rows:
        if len(cells) != 2 or not cells[1]:
            raise lines.wrong(
                "neither a header with parent and id, nor two columns: parent and child"
            )
        parent, child = cells
        if parent == child:
            raise TaxonomyError(
                f"{lines.path}, line {lines.number}: {child!r} is its own parent; remove the line"
            )
        yield Edge(child, parent or None, child, lines.number)
        children.add(child)
        if parent:
            parents.setdefault(parent, lines.number)
    for parent, line in parents.items():
        if parent not in children:
            yield Edge(parent, None, parent, line)


FORMAT = TaxonomyFormat(
    "edges",
    "TSV or CSV with the header parent, id, name; or headerless pairs of parent and child",
    _recognises,
    edges,
)


_BETWEEN_CELLS = re.compile("[\t\n\r]")


def write(taxonomy: Taxonomy, path: Path) -> None:
    """Write what the taxonomy format `edges` reads back: the same categories in the same order.

    Raises `HTransError` for an id or name that TSV cannot hold: one with a tab or line end in it or
    blanks around it.
    """
    check_categories(taxonomy, path)
    for category in taxonomy:
        for cell in (category.id, category.name):
            if cell != cell.strip() or _BETWEEN_CELLS.search(cell):
                raise unwritable(
                    category,
                    path,
                    f"{cell!r} has a tab or line end in it or blanks around it",
                    "rename it, or write SKOS",
                )
    write_text(path, _lines(taxonomy))


def _lines(taxonomy: Taxonomy) -> Iterator[str]:
    yield "parent\tid\tname\n"
    for category in taxonomy:
        yield f"{category.parent or ''}\t{category.id}\t{category.name}\n"
