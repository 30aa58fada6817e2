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
    """Register the commands of this module."""
    app.command(cls=PanelCommand)(predict)
    app.command(cls=PanelCommand)(export)


def predict(
    run: Annotated[str, typer.Argument(help="Name of a run, or the folder of an exported model.")],
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Input files: .jsonl, .csv, .tsv, .txt (one document per line), or any corpus "
            "that import reads. - reads standard input.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(help="Output file, .jsonl or .csv. [default: JSON lines to standard output]"),
    ] = None,
    top_down: Annotated[
        bool,
        typer.Option(
            "--top-down",
            help="Score a category only where its parent's probability exceeds a bound learned on "
            "the validation documents.",
        ),
    ] = False,
    input_format: Annotated[
        str | None,
        typer.Option(
            rich_help_panel="Input", help="jsonl, csv, tsv, text or corpus. [default: detected]"
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            rich_help_panel="Input", help="Read only the documents of this split, such as test."
        ),
    ] = None,
    text_field: Annotated[
        list[str] | None,
        typer.Option(
            rich_help_panel="Input",
            help="Column or field with the text. Several are joined. [default: text]",
        ),
    ] = None,
    id_field: Annotated[
        str,
        typer.Option(
            rich_help_panel="Input",
            help="Column or field with the document id.",
        ),
    ] = "id",
    split_field: Annotated[
        str,
        typer.Option(
            rich_help_panel="Input",
            help="Column or field with the split.",
        ),
    ] = "split",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Number of processes. [default: one per core, or 1 on a GPU]",
            show_default=False,
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing output file.")
    ] = False,
    workspace_path: WorkspaceOption = None,
) -> None:
    """Label documents with the models of a run.

    Resumes if interrupted and run again.
    """
    from core.engine.prediction.bulk import predict_to_file, predict_to_stream
    from core.engine.prediction.model_source import ModelSource
    from core.engine.prediction.predict_worker import PredictionRequest
    from core.formats.corpus.format import ReadingOptions
    from core.prediction.inputs import read_inputs

    source = ModelSource.of(workspace_at(workspace_path), run)
    if source.workspace is not None:
        with open_run(workspace_at(workspace_path), run):
            pass  # Report an unknown run before torch is imported.
    suffixes = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}
    output_format = "jsonl" if output is None else suffixes.get(output.suffix.lower())
    if output_format is None:
        raise HTransError(f"--output {output}: the suffix must be .jsonl or .csv")
    device_name, processes = _where(device, workers)
    request = PredictionRequest(source, output_format, device_name, processes, top_down)
    options = ReadingOptions(
        text_fields=tuple(text_field or ("text",)),
        label_fields=(),
        id_field=id_field,
        split_field=split_field,
    )
    documents = read_inputs(inputs, input_format, split, options)
    with progress(f"predicting with {run}", "documents") as step:
        if output is None:
            report = predict_to_stream(request, documents, sys.stdout, step)
        else:
            report = predict_to_file(request, documents, output, step, overwrite=overwrite)
    if report.without:
        categories = "1 category" if report.without == 1 else f"{report.without} categories"
        say(f"{run}: {categories} without a model, never accepted")
    if report.resumed:
        say(f"resumed: {report.resumed:,} documents were already labelled")
    rate = report.documents / report.seconds if report.seconds else 0.0
    summary = f"{report.documents:,} documents in {report.seconds:.1f} s, {rate:,.0f} documents/s"
    if top_down and report.pairs:
        summary += (
            f"; scored {report.asked:,} of {report.pairs:,} document-category pairs "
            f"({report.asked / report.pairs:.1%})"
        )
    say(summary)


def _where(device: str, workers: int | None) -> tuple[str, int]:
    """Return the torch name of the device, and the number of processes that use it."""
    from core.engine.host.devices import cpu_cores
    from core.engine.host.torch_device import pick_device

    device_name = str(pick_device(device))
    return device_name, workers or (cpu_cores() if device_name == "cpu" else 1)


def export(
    run: Annotated[str, typer.Argument(help="Name of the run.")],
    folder: Annotated[Path, typer.Argument(help="Output folder: new or empty.")],
    onnx: Annotated[
        bool,
        typer.Option("--onnx", help="Also export one ONNX model and compare it with the original."),
    ] = False,
    workspace_path: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Export the models of a run to a standalone folder.

    The exported models load without the workspace and its database.
    """
    workspace = workspace_at(workspace_path)
    with open_run(workspace, run) as (store, record):
        from core.engine.host.torch_device import pick_device
        from core.engine.prediction.export import export_run

        with progress(f"exporting {record.name}", "categories") as step:
            report = export_run(
                store, workspace, record, folder, pick_device("cpu"), onnx=onnx, progress=step
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
        categories = "1 category" if report.without == 1 else f"{report.without} categories"
        say(f"{categories} without a model, never predicted")
    if report.onnx_difference is not None:
        print(f"ONNX: maximum difference from the trained model: {report.onnx_difference:.1g}")
