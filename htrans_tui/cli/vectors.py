"""Commands: vectors add, vectors list."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from core.engine.artifacts.workspace_store import open_store
from htrans_tui.cli.options import JsonOption, WorkspaceOption, workspace_at
from htrans_tui.cli.output import print_json, print_table, progress, say

_NOTE_CASED_FROM = 0.1
"""Minimum share of words with capitals that is reported."""

vectors_app = typer.Typer(help="Add and list pretrained word vectors.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.add_typer(vectors_app, name="vectors")


@vectors_app.command("add")
def add(
    file: Annotated[
        str, typer.Argument(help="File or folder with vectors, or an installed spaCy package.")
    ],
    name: Annotated[str, typer.Option(help="Name of the new vectors.")],
    format_: Annotated[
        str | None,
        typer.Option("--format", help="glove, word2vec, spacy or npm. [default: detected]"),
    ] = None,
    dimensions: Annotated[
        int | None,
        typer.Option(min=1, help="Dimensions of the table to read from a file with several."),
    ] = None,
    workspace_path: WorkspaceOption = None,
) -> None:
    """Add word vectors to the workspace.

    Atomic: an interrupted command adds nothing.
    """
    from core.engine.ingest.vectors import add_vectors_file

    workspace = workspace_at(workspace_path)
    with (
        open_store(workspace, create=True) as store,
        progress(f"reading {Path(file).name}", "words") as step,
    ):
        added = add_vectors_file(
            store, workspace, file, name, format_name=format_, dimensions=dimensions, progress=step
        )
    vectors = added.vectors
    if added.cased >= vectors.words * _NOTE_CASED_FROM:
        say(
            f"{added.cased:,} words contain capitals and are never looked up, because texts are "
            "lower-cased"
        )
    print(
        f"{vectors.name}: {vectors.words:,} words, {vectors.dimensions} dimensions, "
        f"format {added.format}"
    )


@vectors_app.command("list")
def list_(workspace_path: WorkspaceOption = None, json: JsonOption = False) -> None:
    """List the word vectors."""
    from core.engine.ingest.catalog import read_catalog

    with open_store(workspace_at(workspace_path)) as store:
        records = read_catalog(store).vectors
    if json:
        print_json([dataclasses.asdict(vectors) for vectors in records])
        return
    rows = [[v.name, v.source, f"{v.words:,}", str(v.dimensions)] for v in records]
    print_table(["name", "source", "words", "dimensions"], rows, "llrr")
