"""Commands: predict, export."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from core.engine.runs.lookup import open_run
from core.errors import HTransError
from htrans_tui.cli.options import JsonOption, WorkspaceOption, workspace_at
from htrans_tui.cli.output import print_json, progress, say
from htrans_tui.cli.panels import PanelCommand


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command(cls=PanelCommand)(predict)
    app.command(cls=PanelCommand)(export)


def predict(
    run: Annotated[str, typer.Argument(help="Name of a run, or the folder of an exported model.")],
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Files: .jsonl, .csv, .tsv, .txt (a document a line), or any corpus that import "
            "reads; - is standard input.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(help="A .jsonl or .csv file; JSON lines to standard output without it."),
    ] = None,
    top_down: Annotated[
        bool,
        typer.Option(
            "--top-down",
            help="Ask a category only where its parent's probability passes a bound learned on "
            "validation.",
        ),
    ] = False,
    input_format: Annotated[
        str | None,
        typer.Option(
            rich_help_panel="Input", help="jsonl, csv, tsv, text or corpus; guessed without it."
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            rich_help_panel="Input", help="Only documents that state this split, such as test."
        ),
    ] = None,
    text_field: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel="Input",
            help="Column or field of the text; several are joined. [default: text]",
        ),
    ] = None,
    id_field: Annotated[
        str,
        typer.Option(
            rich_help_panel="Input",
            help="Column or field of the id.",
        ),
    ] = "id",
    split_field: Annotated[
        str,
        typer.Option(
            rich_help_panel="Input",
            help="Column or field of the split.",
        ),
    ] = "split",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, help="Processes. [default: one a core, one on a GPU]", show_default=False
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an output that is there already.")
    ] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Label documents with the models of a run.

    The same command resumes an interrupted prediction.
    """
    from core.engine.prediction.bulk import predict_to_file, predict_to_stream
    from core.engine.prediction.model_source import ModelSource
    from core.engine.prediction.predict_worker import PredictionRequest
    from core.formats.corpus.format import ReadingOptions
    from core.prediction.inputs import read_inputs

    source = ModelSource.of(workspace_at(workspace), run)
    if source.workspace is not None:
        with open_run(workspace_at(workspace), run):
            pass  # an unknown run is reported before torch is loaded
    suffixes = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}
    form = "jsonl" if output is None else suffixes.get(output.suffix.lower())
    if form is None:
        raise HTransError(f"--output {output}: its name must end with .jsonl or .csv")
    chosen, processes = _where(device, workers)
    request = PredictionRequest(source, form, chosen, processes, top_down)
    options = ReadingOptions(
        text_fields=tuple(text_field or ("text",)),
        label_fields=(),
        id_field=id_field,
        split_field=split_field,
    )
    documents = read_inputs(inputs, input_format, split, options)
    with progress(f"labelling with {run}", "documents") as step:
        if output is None:
            report = predict_to_stream(request, documents, sys.stdout, step)
        else:
            report = predict_to_file(request, documents, output, step, overwrite=overwrite)
    if report.without:
        which = "1 category" if report.without == 1 else f"{report.without} categories"
        say(f"{run}: no model for {which}, never accepted")
    if report.resumed:
        say(f"{report.resumed:,} documents were labelled already")
    rate = report.documents / report.seconds if report.seconds else 0.0
    said = f"{report.documents:,} documents in {report.seconds:.1f} s, {rate:,.0f} documents/s"
    if top_down and report.pairs:
        said += (
            f"; asked {report.asked:,} of {report.pairs:,} pairs of document and category "
            f"({report.asked / report.pairs:.1%}), {1 - report.asked / report.pairs:.1%} saved"
        )
    say(said)


def _where(device: str, workers: int | None) -> tuple[str, int]:
    """The device as torch names it, and how many processes share it."""
    from core.engine.host.devices import cpu_cores
    from core.engine.host.torch_device import pick_device

    chosen = str(pick_device(device))
    return chosen, workers or (cpu_cores() if chosen == "cpu" else 1)


def export(
    run: Annotated[str, typer.Argument(help="Name of the run.")],
    folder: Annotated[Path, typer.Argument(help="A folder that is not there yet, or empty.")],
    onnx: Annotated[
        bool,
        typer.Option("--onnx", help="Also as one ONNX model, compared with the trained one."),
    ] = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Export the models of a run to a standalone folder.

    The folder loads without the workspace or its database.
    """
    place = workspace_at(workspace)
    with open_run(place, run) as (store, record):
        from core.engine.host.torch_device import pick_device
        from core.engine.prediction.export import export_run

        with progress(f"exporting {record.name}", "categories") as step:
            report = export_run(
                store, place, record, folder, pick_device("cpu"), onnx=onnx, progress=step
            )
    if json:
        print_json(
            {
                "folder": str(folder),
                "trained": report.trained,
                "without": report.without,
                "bytes": report.size,
                "onnx_difference": report.onnx_difference,
            }
        )
        return
    print(f"{folder}: {report.trained} models, {report.size / 2**20:,.1f} MiB")
    if report.without:
        which = "1 category" if report.without == 1 else f"{report.without} categories"
        say(f"no model for {which}, never predicted")
    if report.onnx_difference is not None:
        print(f"ONNX: differs from the trained model by {report.onnx_difference:.1g} at most")
