"""A taxonomy as TSV with the header `parent`, `id`, `name`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from core.corpus.taxonomy import Taxonomy
from core.writers.text_file import check_categories, unwritable, write_text

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
