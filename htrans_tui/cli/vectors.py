"""Commands: vectors add, vectors list."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from core.engine.artifacts.workspace_store import open_store
from htrans_tui.cli.options import JsonOption, WorkspaceOption, workspace_at
from htrans_tui.cli.output import print_json, print_table, progress, say

_MANY = 0.1
"""Share of words with capitals from which on they are worth a line."""

vectors_app = typer.Typer(help="Add and list pretrained word vectors.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(vectors_app, name="vectors")


@vectors_app.command("add")
def add(
    file: Annotated[
        str, typer.Argument(help="File or folder of the vectors, or an installed spaCy package.")
    ],
    name: Annotated[str, typer.Option(help="Name for the vectors.")],
    format_: Annotated[
        str | None,
        typer.Option("--format", help="glove, word2vec, spacy or npm; guessed without it."),
    ] = None,
    dimensions: Annotated[
        int | None,
        typer.Option(min=1, help="Dimensions of the table to take from a file with several."),
    ] = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Add word vectors to the workspace.

    The command is atomic.
    """
    from core.engine.ingest.vectors import add_vectors_file

    place = workspace_at(workspace)
    with (
        open_store(place, create=True) as store,
        progress(f"reading {Path(file).name}", "words") as step,
    ):
        added = add_vectors_file(
            store, place, file, name, format_name=format_, dimensions=dimensions, progress=step
        )
    vectors = added.vectors
    if added.cased >= vectors.words * _MANY:
        say(
            f"{added.cased:,} of the words have capitals: texts are lower-cased, so that these "
            "are never looked up"
        )
    print(
        f"{vectors.name}: {vectors.words:,} words, {vectors.dimensions} dimensions, "
        f"format {added.format}"
    )


@vectors_app.command("list")
def list_(workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """List the word vectors."""
    from core.engine.ingest.catalog import read_catalog

    with open_store(workspace_at(workspace)) as store:
        every = read_catalog(store).vectors
    if json:
        print_json([dataclasses.asdict(vectors) for vectors in every])
        return
    rows = [[v.name, v.source, f"{v.words:,}", str(v.dimensions)] for v in every]
    print_table(["name", "source", "words", "dimensions"], rows, "llrr")
