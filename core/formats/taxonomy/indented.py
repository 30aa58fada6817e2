"""An outline: one category a line, below the line above it that is indented less."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from core.corpus.taxonomy import Edge
from core.formats.taxonomy.edges import has_header, is_pairs
from core.formats.taxonomy.format import Sample, TaxonomyFormat
from core.formats.taxonomy.text_lines import TextLines


def edges(path: Path, _language: str | None = None) -> Iterator[Edge]:
    """The edges of lines `id` or `id<TAB>name`, indented with tabs or with spaces."""
    above: list[tuple[int, str]] = []
    kinds: set[str] = set()
    lines = TextLines(path)
    for line in lines:
        indent = line[: len(line) - len(line.lstrip())]
        kinds.update(indent)
        if indent and not above:
            raise lines.wrong("the first category is indented; move it to the left")
        if not kinds <= {"\t", " "}:
            raise lines.wrong(
                "indented by a character that is neither tab nor space; use tabs or spaces"
            )
        if len(kinds) > 1:
            raise lines.wrong(
                "tabs and spaces are mixed in the indentation; use one of them in the whole file"
            )
        width = len(indent)
        if width not in {0, *(known for known, _ in above)} and above[-1][0] > width:
            raise lines.wrong(
                f"indented by {width}, as no line above it is; indent it like one of them"
            )
        while above and above[-1][0] >= width:
            above.pop()
        cells = [cell.strip() for cell in line.strip().split("\t")]
        if len(cells) > 2:
            raise lines.wrong(f"{len(cells)} columns; a line is an id, or an id, a tab and a name")
        yield Edge(cells[0], above[-1][1] if above else None, cells[-1], lines.number)
        above.append((width, cells[0]))


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
