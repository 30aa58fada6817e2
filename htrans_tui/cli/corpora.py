"""Commands: import, corpora, vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from htrans_tui.cli.options import JsonOption, WorkspaceOption, open_store, workspace_at
from htrans_tui.cli.output import print_json, print_table, progress, say


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("import")(import_)
    app.command("corpora")(corpora)


def import_(
    sources: Annotated[
        list[str], typer.Argument(help="Files or folders, or an embedded corpus: icd10cm:4,9")
    ],
    name: Annotated[str, typer.Option(help="Name of the new corpus.")],
    format_: Annotated[
        str | None,
        typer.Option("--format", help="reuters21578, jsonl or icd10cm; guessed without it."),
    ] = None,
    taxonomy: Annotated[Path | None, typer.Option(help="File of the taxonomy.")] = None,
    taxonomy_format: Annotated[
        str | None, typer.Option(help="edges, or paths: the labels make their own taxonomy.")
    ] = None,
    test: Annotated[list[str] | None, typer.Option(help="Files or folders of test documents.")] = (
        None
    ),
    unknown_labels: Annotated[
        str, typer.Option(help="Labels outside the taxonomy: error, drop or top-level.")
    ] = "error",
    language: Annotated[str, typer.Option(help="Language of the tokenizer, ISO 639.")] = "en",
    workspace: WorkspaceOption = None,
) -> None:
    """Import documents and their taxonomy as a corpus, whole or not at all."""
    from core.engine.corpora import ImportRequest, import_corpus

    place = workspace_at(workspace)
    store = open_store(place, create=True)
    request = ImportRequest(
        name=name,
        sources=tuple(sources),
        test_sources=tuple(test or ()),
        format=format_,
        taxonomy=taxonomy,
        taxonomy_format=taxonomy_format,
        unknown_labels=unknown_labels,
        language=language,
    )
    with progress(f"importing {name}", "documents") as step:
        corpus, report = import_corpus(store, place, request, step)
    say(f"format {report.format}, taxonomy {report.taxonomy}; {report.read:,} documents read")
    if report.unused:
        say(f"{report.unused:,} of them belong to no split of the corpus and were left out")
    for note in report.notes:
        say(note)
    print(
        f"{corpus.name}: {corpus.train:,} training and {corpus.test:,} test documents, "
        f"{corpus.categories:,} categories on {corpus.levels} "
        f"level{'s' if corpus.levels != 1 else ''}"
    )


def corpora(workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """List the corpora."""
    from db.corpora import list_corpora

    fields = ("name", "language", "documents", "train", "test", "categories", "levels")
    every = list_corpora(open_store(workspace_at(workspace)))
    if json:
        print_json([{field: getattr(corpus, field) for field in fields} for corpus in every])
        return
    rows = [
        [c.name, c.language, *(f"{getattr(c, field):,}" for field in fields[2:])] for c in every
    ]
    print_table(fields, rows, "llrrrrr")
