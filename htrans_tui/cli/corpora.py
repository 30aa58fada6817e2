"""Commands: import, corpora."""

from __future__ import annotations

import shlex
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.engine.artifacts.workspace_store import open_store
from core.errors import HTransError, InterruptedWorkError
from htrans_tui.cli.options import JsonOption, WorkspaceOption, workspace_at
from htrans_tui.cli.output import print_json, print_table, progress, say
from htrans_tui.cli.panels import PanelCommand

if TYPE_CHECKING:
    from core.engine.ingest.import_plan import ImportRequest

corpora_app = typer.Typer(help="List, export and delete corpora.")
_TAXONOMY, _SPLIT, _FIELDS, _READING = "Taxonomy", "Test split", "Fields", "Reading"
_CORPUS = ("name", "language", "documents", "train", "test", "categories", "levels")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("import", cls=PanelCommand)(import_)
    corpora_app.callback(invoke_without_command=True)(corpora)
    app.add_typer(corpora_app, name="corpora")


def import_(
    sources: Annotated[
        list[str], typer.Argument(help="Files or folders, or an embedded corpus: icd10cm:4,9")
    ],
    name: Annotated[
        str | None, typer.Option(help="Name of the new corpus.", show_default=False)
    ] = None,
    taxonomy: Annotated[Path | None, typer.Option(help="File of the taxonomy.")] = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="jsonl, csv, tsv, parquet, neuralclassifier, rcv1-xml, lyrl2004, reuters21578 or "
            "icd10cm; guessed without it.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what is there and what is wrong.")
    ] = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
    taxonomy_format: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=_TAXONOMY,
            help="edges, neuralclassifier, rcv1-hier, indented or skos, guessed without it; paths: "
            "the labels make their own taxonomy.",
        ),
    ] = None,
    multiple_parents: Annotated[
        str,
        typer.Option(
            rich_help_panel=_TAXONOMY,
            help="A category with several parents: error, or first counts.",
        ),
    ] = "error",
    unknown_labels: Annotated[
        str,
        typer.Option(
            rich_help_panel=_TAXONOMY, help="Labels outside the taxonomy: error, drop or top-level."
        ),
    ] = "error",
    min_positives: Annotated[
        int,
        typer.Option(
            rich_help_panel=_TAXONOMY, help="Leave out categories with fewer training documents."
        ),
    ] = 0,
    test: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=_SPLIT,
            help="Files or folders of test documents.",
        ),
    ] = (None),
    test_from: Annotated[
        datetime | None,
        typer.Option(
            rich_help_panel=_SPLIT,
            formats=["%Y-%m-%d"],
            help="Documents of this day and later are for test.",
        ),
    ] = None,
    test_fraction: Annotated[
        float | None,
        typer.Option(
            rich_help_panel=_SPLIT,
            help="Share of the documents that is drawn for test. [default: 0.2 of those that "
            "state no split]",
            show_default=False,
        ),
    ] = None,
    split_seed: Annotated[
        int,
        typer.Option(
            rich_help_panel=_SPLIT,
            help="Seed of that draw.",
        ),
    ] = 0,
    text_field: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=_FIELDS, help="Field of the text; several are joined. [default: text]"
        ),
    ] = None,
    label_field: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=_FIELDS,
            help="Field of the labels; several are united. [default: labels]",
        ),
    ] = None,
    id_field: Annotated[
        str,
        typer.Option(
            rich_help_panel=_FIELDS,
            help="Field of the id.",
        ),
    ] = "id",
    split_field: Annotated[
        str,
        typer.Option(
            rich_help_panel=_FIELDS,
            help="Field of the split.",
        ),
    ] = "split",
    date_field: Annotated[
        str,
        typer.Option(
            rich_help_panel=_FIELDS,
            help="Field of the date.",
        ),
    ] = "date",
    label_separator: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=_FIELDS,
            help="Between labels in one string. [default: ; in csv and tsv]",
        ),
    ] = None,
    label_file: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=_FIELDS,
            help="Names of numbered labels, one a line; for lyrl2004 the qrels file.",
        ),
    ] = None,
    header: Annotated[
        bool,
        typer.Option(
            rich_help_panel=_FIELDS,
            help="Whether a table has a header; else its fields are 1, 2, 3 …",
        ),
    ] = True,
    quotes: Annotated[
        bool,
        typer.Option(
            rich_help_panel=_FIELDS,
            help='Whether " quotes cells of a table, or is part of the text.',
        ),
    ] = True,
    language: Annotated[
        str,
        typer.Option(
            rich_help_panel=_READING,
            help="Language of the tokenizer, ISO 639.",
        ),
    ] = "en",
    max_words: Annotated[
        int,
        typer.Option(
            rich_help_panel=_READING,
            help="Words of a document that are tokenised now; a run may read more.",
        ),
    ] = 100,
    processes: Annotated[
        int | None,
        typer.Option(
            rich_help_panel=_READING,
            help="Processes that read. [default: one a core]",
            show_default=False,
        ),
    ] = None,
    vectors: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=_READING,
            help="With --dry-run: vectors whose coverage is told. [default: all]",
        ),
    ] = None,
) -> None:
    """Import a corpus and its taxonomy.

    The import is atomic. The same command resumes an interrupted import.
    """
    from core.engine.ingest.import_plan import ImportRequest
    from core.formats.corpus.format import ReadingOptions

    if name is None and not dry_run:
        raise typer.BadParameter("give the corpus a name", param_hint="--name")
    request = ImportRequest(
        name=name or "dry-run",
        sources=tuple(sources),
        test_sources=tuple(test or ()),
        format=format_,
        taxonomy=taxonomy,
        taxonomy_format=taxonomy_format,
        multiple_parents=multiple_parents,
        unknown_labels=unknown_labels,
        min_positives=min_positives,
        language=language,
        max_words=max_words,
        options=ReadingOptions(
            text_fields=tuple(text_field or ("text",)),
            label_fields=tuple(label_field or ("labels",)),
            id_field=id_field,
            split_field=split_field,
            date_field=date_field,
            label_separator=label_separator,
            label_file=label_file,
            header=header,
            quotes=quotes,
        ),
        test_from=None if test_from is None else test_from.date(),
        test_fraction=test_fraction,
        split_seed=split_seed,
        processes=processes,
    )
    if dry_run:
        from htrans_tui.cli.surveying import survey

        survey(request, workspace_at(workspace), vectors, as_json=json)
        return
    _import(request, workspace, json)


def _import(request: ImportRequest, workspace: Path | None, json: bool) -> None:
    from core.engine.ingest.corpora import import_corpus

    place = workspace_at(workspace)
    try:
        with (
            open_store(place, create=True) as store,
            progress(f"importing {request.name}", "documents") as step,
        ):
            corpus, report = import_corpus(store, place, request, step)
    except KeyboardInterrupt:
        raise InterruptedWorkError(
            "interrupted; the same command goes on where it was, and htrans-tui corpora delete "
            f"{shlex.quote(request.name)} removes what is there"
        ) from None
    say(f"format {report.format}, taxonomy {report.taxonomy}; {report.read:,} documents read")
    if len(report.sources) > 1:
        for source, number in report.sources.items():
            say(f"  {source}: {number:,}")
    if report.unused:
        say(f"{report.unused:,} of them belong to no split of the corpus and were left out")
    for note in report.notes:
        say(note)
    if json:
        print_json({field: getattr(corpus, field) for field in _CORPUS})
        return
    print(
        f"{corpus.name}: {corpus.train:,} training and {corpus.test:,} test documents, "
        f"{corpus.categories:,} categories on {corpus.levels} "
        f"level{'s' if corpus.levels != 1 else ''}"
    )


def corpora(
    context: typer.Context, workspace: WorkspaceOption = None, json: JsonOption = False
) -> None:
    """List, export or delete corpora."""
    from core.engine.ingest.catalog import read_catalog

    place = workspace_at(workspace)
    if context.invoked_subcommand is not None:
        return
    with open_store(place) as store:
        catalog = read_catalog(store)
    every = catalog.corpora
    if json:
        print_json([{field: getattr(corpus, field) for field in _CORPUS} for corpus in every])
        return
    rows = [
        [c.name, c.language, *(f"{getattr(c, field):,}" for field in _CORPUS[2:])] for c in every
    ]
    print_table(_CORPUS, rows, "llrrrrr")
    for name in catalog.unfinished:
        say(
            f"{name}: its import has not ended; the same command goes on if it was "
            f"stopped, htrans-tui corpora delete {shlex.quote(name)} removes it"
        )


@corpora_app.command("export")
def export(
    name: Annotated[str, typer.Argument(help="Name of the corpus.")],
    folder: Annotated[Path, typer.Argument(help="Folder to make.")],
    format_: Annotated[str, typer.Option("--format", help="jsonl or parquet.")] = "jsonl",
    taxonomy_format: Annotated[str, typer.Option(help="edges or skos.")] = "edges",
    workspace: WorkspaceOption = None,
) -> None:
    """Write a corpus to a folder that can be imported again."""
    from core.engine.ingest.corpus_export import export_corpus

    with (
        open_store(workspace_at(workspace)) as store,
        progress(f"exporting {name}", "documents") as step,
    ):
        made = export_corpus(
            store,
            name,
            folder,
            format_name=format_,
            taxonomy_format=taxonomy_format,
            progress=step,
        )
    again = ["htrans-tui", "import", str(made.documents), "--taxonomy", str(made.taxonomy)]
    say(f"to import it: {shlex.join([*again, *made.options, '--name', 'NAME'])}")
    print(folder)


@corpora_app.command("delete")
def delete(
    name: Annotated[str, typer.Argument(help="Name of the corpus.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Delete a corpus without runs, or an unfinished import."""
    from core.engine.ingest.corpora import delete_corpus_named

    place = workspace_at(workspace)
    with open_store(place) as store:
        if not yes and not typer.confirm(f"delete the corpus {name}?"):
            raise HTransError("nothing was deleted")
        delete_corpus_named(store, place, name)
    say(f"{name} was deleted")
