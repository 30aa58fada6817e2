"""What `import --dry-run` prints."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from core.errors import HTransError
from core.text.plain_text import printable
from core.workspace import Workspace
from htrans_tui.cli.output import print_json, print_table, progress, say

if TYPE_CHECKING:
    from core.engine.ingest.import_plan import ImportRequest
    from core.engine.ingest.survey import Survey

_SHOWN = 10
_MOST_SOURCES = 30
_RARE = 10
_DEEPEST = 20


def survey(
    request: ImportRequest, place: Workspace, vectors: Sequence[str] | None, *, as_json: bool
) -> None:
    """Look at a corpus, print what was seen; raise `HTransError` if it cannot be imported."""
    from core.engine.ingest.catalog import vector_folders
    from core.engine.ingest.survey import survey_corpus

    folders = vector_folders(place, vectors)
    with progress("looking", "documents") as step:
        found = survey_corpus(request, folders, step)
    if as_json:
        print_json(dataclasses.asdict(found))
    else:
        _print(found)
    if found.problem_count:
        problems = "problem" if found.problem_count == 1 else "problems"
        raise HTransError(
            f"{found.problem_count:,} {problems} would make the import fail; nothing was imported"
        )


def _print(found: Survey) -> None:
    if found.train + found.test:
        _print_documents(found)
    for note in found.notes:
        say(note)
    if found.unknown_labels:
        some = list(found.unknown_labels.items())
        say(f"labels outside the taxonomy, with their documents ({len(some):,} kinds):")
        for label, number in some[:_SHOWN]:
            say(f"  {printable(label)}: {number:,}")
    for problem in found.problems:
        say(f"problem: {printable(problem)}")


def _drawn(found: Survey) -> str:
    if not found.drawn:
        return ""
    return f"; {found.drawn:,} state no split and were drawn (--split-field names a field)"


def _print_documents(found: Survey) -> None:
    used = max(found.train + found.test, 1)
    repeated = found.duplicates
    unused = f", {found.unused:,} in no split" if found.unused else ""
    lines = {
        "format": found.format,
        "taxonomy": f"{found.taxonomy}: {len(found.categories):,} categories on {found.levels} "
        f"level{'s' if found.levels != 1 else ''}",
        "documents": f"{found.records:,}: {found.train:,} for training, {found.test:,} for test"
        f"{unused}{_drawn(found)}",
        "labels": f"{found.labels / used:.2f} a document; {found.without_labels:,} have none",
        "words": f"{found.words:,} different ones among the first {found.max_words} of each "
        f"document; {found.tokens / used:.1f} a document, {found.longer:,} have "
        f"{found.max_words} or more",
        "repeated": f"{repeated['across']:,} test documents have the text of a training document, "
        f"{repeated['within_train']:,} training and {repeated['within_test']:,} test documents "
        "that of another of their split",
        "empty": f"{found.without_text:,} documents have no text",
    }
    for name, line in lines.items():
        print(f"{name:<10} {line}")
    for each in found.vectors:
        print(
            f"{'vectors':<10} {printable(each['name'])}: {each['covered']:,} of the words "
            f"({each['share']:.1%}), {each['token_share']:.1%} of the text"
        )
    print()
    _print_sources(found)
    _print_categories(found)


def _print_sources(found: Survey) -> None:
    if len(found.sources) < 2:
        return
    columns = ("records", "train", "test", "unused")
    rows = [
        [source, *(f"{counts[name]:,}" for name in columns)]
        for source, counts in list(found.sources.items())[:_MOST_SOURCES]
    ]
    print_table(("source", *columns), rows, "lrrrr")
    if len(found.sources) > _MOST_SOURCES:
        print(f"and {len(found.sources) - _MOST_SOURCES:,} more")
    print()


def _print_categories(found: Survey) -> None:
    rows = [
        [
            "  " * min(c.level - 1, _DEEPEST) + c.id,
            c.name if c.name != c.id else "",
            f"{c.train:,}",
            f"{c.test:,}",
        ]
        for c in found.categories
    ]
    print_table(("category", "name", "train", "test"), rows, "llrr")
    empty = sum(1 for c in found.categories if not c.train)
    rare = sum(1 for c in found.categories if 0 < c.train < _RARE)
    for number, what in ((empty, "no training document"), (rare, f"fewer than {_RARE}")):
        if number:
            print(f"{number:,} {'category has' if number == 1 else 'categories have'} {what}")
