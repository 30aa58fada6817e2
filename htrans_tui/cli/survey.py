"""Output of `import --dry-run`."""

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

_MAX_LABELS = 10
_MAX_SOURCES = 30
_RARE = 10
_MAX_INDENT = 20


def survey(
    request: ImportRequest, workspace: Workspace, vectors: Sequence[str] | None, *, as_json: bool
) -> None:
    """Survey a corpus without importing it, and print the result.

    Args:
        request: The import that is surveyed.
        workspace: The workspace that holds the word vectors.
        vectors: Names of word vectors to report the coverage of; None for all.
        as_json: Print one JSON value instead of text.

    Raises:
        HTransError: If the import would fail.
    """
    from core.engine.ingest.catalog import vector_folders
    from core.engine.ingest.survey import survey_corpus

    folders = vector_folders(workspace, vectors)
    with progress("surveying", "documents") as step:
        result = survey_corpus(request, folders, step)
    if as_json:
        print_json(dataclasses.asdict(result))
    else:
        _print(result)
    if result.problem_count:
        problems = "problem" if result.problem_count == 1 else "problems"
        raise HTransError(
            f"the import would fail: {result.problem_count:,} {problems}; nothing was imported"
        )


def _print(result: Survey) -> None:
    if result.train + result.test:
        _print_documents(result)
    for note in result.notes:
        say(note)
    if result.unknown_labels:
        unknown = list(result.unknown_labels.items())
        say(f"{len(unknown):,} labels outside the taxonomy, with their number of documents:")
        for label, count in unknown[:_MAX_LABELS]:
            say(f"  {printable(label)}: {count:,}")
    for problem in result.problems:
        say(f"problem: {printable(problem)}")


def _drawn(result: Survey) -> str:
    if not result.drawn:
        return ""
    return f"; {result.drawn:,} without a split drawn at random (--split-field names the field)"


def _print_documents(result: Survey) -> None:
    used = max(result.train + result.test, 1)
    repeated = result.duplicates
    unused = f", {result.unused:,} in no split" if result.unused else ""
    lines = {
        "format": result.format,
        "taxonomy": f"{result.taxonomy}: {len(result.categories):,} categories on {result.levels} "
        f"level{'s' if result.levels != 1 else ''}",
        "documents": f"{result.records:,}: {result.train:,} for training, {result.test:,} for test"
        f"{unused}{_drawn(result)}",
        "labels": f"{result.labels / used:.2f} per document; "
        f"{result.without_labels:,} documents without labels",
        "words": f"{result.words:,} distinct words among the first {result.max_words} of each "
        f"document; {result.tokens / used:.1f} per document, {result.longer:,} documents with "
        f"{result.max_words} or more",
        "repeated": f"{repeated['across']:,} test documents repeat the text of a training "
        f"document; {repeated['within_train']:,} training and {repeated['within_test']:,} test "
        "documents repeat a text of their own split",
        "empty": f"{result.without_text:,} documents without text",
    }
    for name, line in lines.items():
        print(f"{name:<10} {line}")
    for coverage in result.vectors:
        print(
            f"{'vectors':<10} {printable(coverage['name'])}: covers {coverage['covered']:,} words "
            f"({coverage['share']:.1%}), {coverage['token_share']:.1%} of the tokens"
        )
    print()
    _print_sources(result)
    _print_categories(result)


def _print_sources(result: Survey) -> None:
    if len(result.sources) < 2:
        return
    columns = ("records", "train", "test", "unused")
    rows = [
        [source, *(f"{counts[name]:,}" for name in columns)]
        for source, counts in list(result.sources.items())[:_MAX_SOURCES]
    ]
    print_table(("source", *columns), rows, "lrrrr")
    if len(result.sources) > _MAX_SOURCES:
        print(f"and {len(result.sources) - _MAX_SOURCES:,} more")
    print()


def _print_categories(result: Survey) -> None:
    rows = [
        [
            "  " * min(c.level - 1, _MAX_INDENT) + c.id,
            c.name if c.name != c.id else "",
            f"{c.train:,}",
            f"{c.test:,}",
        ]
        for c in result.categories
    ]
    print_table(("category", "name", "train", "test"), rows, "llrr")
    empty = sum(1 for c in result.categories if not c.train)
    rare = sum(1 for c in result.categories if 0 < c.train < _RARE)
    for count, documents in ((empty, "no"), (rare, f"fewer than {_RARE}")):
        if count:
            subject = "category has" if count == 1 else "categories have"
            print(f"{count:,} {subject} {documents} training documents")
