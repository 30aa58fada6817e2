"""Edges: TSV or CSV with the header `parent`, `id`, `name`, or headerless `parent child` pairs."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from core.errors import InputError, TaxonomyError
from core.taxonomy import Edge, Taxonomy


def read(path: Path) -> Taxonomy:
    """The taxonomy of a file of edges; the parent is empty at the top.

    In a headerless file of two columns, a parent that is nobody's child is a top-level category.
    Raises `InputError` with the line, or `TaxonomyError` for a duplicate id, a second or missing
    parent and cycles.
    """
    rows = list(_rows(path))
    if not rows:
        raise InputError("is empty; a taxonomy has one category a line", source=path)
    header = [cell.strip().lower() for cell in rows[0][1]]
    if "id" in header and "parent" in header:
        edges = list(_with_header(path, rows, header))
    else:
        edges = list(_pairs(path, rows))
    if not edges:
        raise InputError("has a header but no category", source=path)
    return Taxonomy(edges, str(path))


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = next((line for line in file if line.strip()), "")
            file.seek(0)
            delimiter = "\t" if "\t" in first else "," if "," in first else " "
            reader = (
                csv.reader(file)
                if delimiter == ","
                else csv.reader(file, delimiter=delimiter, quoting=csv.QUOTE_NONE)
            )
            for row in reader:
                if any(cell.strip() for cell in row):
                    yield reader.line_num, row
    except UnicodeDecodeError as error:
        raise InputError("is not UTF-8 text; convert it to UTF-8", source=path) from error
    except csv.Error as error:
        raise InputError(f"cannot be read as a table: {error}", source=path) from error
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", source=path) from error


def _with_header(
    path: Path, rows: list[tuple[int, list[str]]], header: list[str]
) -> Iterator[Edge]:
    for line, row in rows[1:]:
        if len(row) > len(header):
            raise InputError(
                f"{len(row)} columns, but the header has {len(header)}", source=path, line=line
            )
        record = dict(zip(header, (cell.strip() for cell in row), strict=False))
        category_id = record.get("id", "")
        if not category_id:
            raise InputError("the column id is empty", source=path, line=line)
        yield Edge(
            id=category_id,
            parent=record.get("parent") or None,
            name=record.get("name") or category_id,
            line=line,
        )


def _pairs(path: Path, rows: list[tuple[int, list[str]]]) -> Iterator[Edge]:
    parsed: list[tuple[int, str, str]] = []
    for line, row in rows:
        cells = [cell.strip() for cell in row]
        if len(cells) != 2 or not cells[1]:
            raise InputError(
                "neither a header with parent and id, nor two columns: parent and child",
                source=path,
                line=line,
            )
        parsed.append((line, cells[0], cells[1]))
    children = {child for _, _, child in parsed}
    stated: set[str] = set()
    for line, parent, _ in parsed:
        if parent and parent not in children and parent not in stated:
            stated.add(parent)
            yield Edge(parent, None, parent, line)
    for line, parent, child in parsed:
        if parent == child:
            raise TaxonomyError(f"{path}, line {line}: {child!r} is its own parent")
        yield Edge(child, parent or None, child, line)
