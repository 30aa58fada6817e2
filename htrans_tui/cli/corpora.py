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
    """Register the commands of this module."""
    app.command("import", cls=PanelCommand)(import_)
    corpora_app.callback(invoke_without_command=True)(corpora)
    app.add_typer(corpora_app, name="corpora")


def import_(
    sources: Annotated[
        list[str],
        typer.Argument(help="Files or folders, or an embedded corpus such as icd10cm:4,9."),
    ],
    name: Annotated[
        str | None, typer.Option(help="Name of the new corpus.", show_default=False)
    ] = None,
    taxonomy: Annotated[Path | None, typer.Option(help="Taxonomy file.")] = None,
    format_: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="jsonl, csv, tsv, parquet, neuralclassifier, rcv1-xml, lyrl2004, reuters21578 or "
            "icd10cm. [default: detected]",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Validate and summarise without importing.")
    ] = False,
    workspace_path: WorkspaceOption = None,
    json: JsonOption = False,
    taxonomy_format: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=_TAXONOMY,
            help="edges, neuralclassifier, rcv1-hier, indented or skos; paths builds the taxonomy "
            "from the labels. [default: detected]",
        ),
    ] = None,
    multiple_parents: Annotated[
        str,
        typer.Option(
            rich_help_panel=_TAXONOMY,
            help="Categories with several parents: error, or first to keep the first parent.",
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
            rich_help_panel=_TAXONOMY, help="Drop categories with fewer training documents."
        ),
    ] = 0,
    test: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=_SPLIT,
            help="Files or folders with test documents.",
        ),
    ] = None,
    test_from: Annotated[
        datetime | None,
        typer.Option(
            rich_help_panel=_SPLIT,
            formats=["%Y-%m-%d"],
            help="Documents from this date on are test documents.",
        ),
    ] = None,
    test_fraction: Annotated[
        float | None,
        typer.Option(
            rich_help_panel=_SPLIT,
            help="Fraction of the documents drawn as test documents. [default: 0.2 of those "
            "without a split]",
            show_default=False,
        ),
    ] = None,
    split_seed: Annotated[
        int,
        typer.Option(
            rich_help_panel=_SPLIT,
            help="Random seed of --test-fraction.",
        ),
    ] = 0,
    text_field: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=_FIELDS, help="Field with the text. Several are joined. [default: text]"
        ),
    ] = None,
    label_field: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=_FIELDS,
            help="Field with the labels. Several are combined. [default: labels]",
        ),
    ] = None,
    id_field: Annotated[
        str,
        typer.Option(
            rich_help_panel=_FIELDS,
            help="Field with the document id.",
        ),
    ] = "id",
    split_field: Annotated[
        str,
        typer.Option(
            rich_help_panel=_FIELDS,
            help="Field with the split.",
        ),
    ] = "split",
    date_field: Annotated[
        str,
        typer.Option(
            rich_help_panel=_FIELDS,
            help="Field with the date.",
        ),
    ] = "date",
    label_separator: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=_FIELDS,
            help="Separator of labels in one string. [default: ; in csv and tsv]",
        ),
    ] = None,
    label_file: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel=_FIELDS,
            help="File with the names of numbered labels, one per line; lyrl2004: the qrels file.",
        ),
    ] = None,
    header: Annotated[
        bool,
        typer.Option(
            rich_help_panel=_FIELDS,
            help="Whether tables have a header row; otherwise the fields are 1, 2, 3 …",
        ),
    ] = True,
    quotes: Annotated[
        bool,
        typer.Option(
            rich_help_panel=_FIELDS,
            help='Whether " quotes table cells; otherwise it is part of the text.',
        ),
    ] = True,
    language: Annotated[
        str,
        typer.Option(
            rich_help_panel=_READING,
            help="ISO 639 code of the tokenizer's language.",
        ),
    ] = "en",
    max_words: Annotated[
        int,
        typer.Option(
            rich_help_panel=_READING,
            help="Words tokenised per document at import; a run may read more.",
        ),
    ] = 100,
    processes: Annotated[
        int | None,
        typer.Option(
            rich_help_panel=_READING,
            help="Number of reading processes. [default: one per core]",
            show_default=False,
        ),
    ] = None,
    vectors: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel=_READING,
            help="With --dry-run: word vectors whose coverage is reported. [default: all]",
        ),
    ] = None,
) -> None:
    """Import a corpus and its taxonomy.

    Atomic. Resumes if interrupted and run again.
    """
    from core.engine.ingest.import_plan import ImportRequest
    from core.formats.corpus.format import ReadingOptions

    if name is None and not dry_run:
        raise typer.BadParameter("the new corpus needs a name", param_hint="--name")
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
        from htrans_tui.cli.survey import survey

        survey(request, workspace_at(workspace_path), vectors, as_json=json)
        return
    _import(request, workspace_path, json)


def _import(request: ImportRequest, workspace_path: Path | None, json: bool) -> None:
    from core.engine.ingest.corpora import import_corpus

    workspace = workspace_at(workspace_path)
    try:
        with (
            open_store(workspace, create=True) as store,
            progress(f"importing {request.name}", "documents") as step,
        ):
            corpus, report = import_corpus(store, workspace, request, step)
    except KeyboardInterrupt:
        raise InterruptedWorkError(
            "interrupted; run the same command to resume, or htrans-tui corpora delete "
            f"{shlex.quote(request.name)} to discard the import"
        ) from None
    say(f"format {report.format}, taxonomy {report.taxonomy}; {report.read:,} documents read")
    if len(report.sources) > 1:
        for source, count in report.sources.items():
            say(f"  {source}: {count:,}")
    if report.unused:
        say(f"{report.unused:,} documents belong to no split and were skipped")
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
    context: typer.Context, workspace_path: WorkspaceOption = None, json: JsonOption = False
) -> None:
    """List, export or delete corpora."""
    from core.engine.ingest.catalog import read_catalog

    workspace = workspace_at(workspace_path)
    if context.invoked_subcommand is not None:
        return
    with open_store(workspace) as store:
        catalog = read_catalog(store)
    records = catalog.corpora
    if json:
        print_json([{field: getattr(corpus, field) for field in _CORPUS} for corpus in records])
        return
    rows = [
        [c.name, c.language, *(f"{getattr(c, field):,}" for field in _CORPUS[2:])] for c in records
    ]
    print_table(_CORPUS, rows, "llrrrrr")
    for name in catalog.unfinished:
        say(
            f"{name}: unfinished import; run the same command to resume, or "
            f"htrans-tui corpora delete {shlex.quote(name)} to discard it"
        )


@corpora_app.command("export")
def export(
    name: Annotated[str, typer.Argument(help="Name of the corpus.")],
    folder: Annotated[Path, typer.Argument(help="Output folder.")],
    format_: Annotated[
        str, typer.Option("--format", help="Format of the documents: jsonl or parquet.")
    ] = "jsonl",
    taxonomy_format: Annotated[
        str, typer.Option(help="Format of the taxonomy: edges or skos.")
    ] = "edges",
    workspace_path: WorkspaceOption = None,
) -> None:
    """Write a corpus to a folder that can be imported again."""
    from core.engine.ingest.corpus_export import export_corpus

    with (
        open_store(workspace_at(workspace_path)) as store,
        progress(f"exporting {name}", "documents") as step,
    ):
        exported = export_corpus(
            store,
            name,
            folder,
            format_name=format_,
            taxonomy_format=taxonomy_format,
            progress=step,
        )
    files = [str(exported.documents), "--taxonomy", str(exported.taxonomy)]
    command = ["htrans-tui", "import", *files, *exported.options, "--name", "NAME"]
    say(f"import it with: {shlex.join(command)}")
    print(folder)


@corpora_app.command("delete")
def delete(
    name: Annotated[str, typer.Argument(help="Name of the corpus.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    workspace_path: WorkspaceOption = None,
) -> None:
    """Delete a corpus without runs, or an unfinished import."""
    from core.engine.ingest.corpora import delete_corpus_named

    workspace = workspace_at(workspace_path)
    with open_store(workspace) as store:
        if not yes and not typer.confirm(f"delete the corpus {name}?"):
            raise HTransError("nothing was deleted")
        delete_corpus_named(store, workspace, name)
    say(f"{name} was deleted")
