"""Commands: compare, report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.engine.artifacts.workspace_store import open_store
from core.errors import HTransError
from core.text.plain_text import printable
from core.workspace import Workspace
from htrans_tui.cli.options import (
    DeviceOption,
    JsonOption,
    WorkspaceOption,
    workspace_at,
)
from htrans_tui.cli.output import print_json, print_table, progress, say

if TYPE_CHECKING:
    from core.engine.comparison.report import Report
    from htrans_tui.report.tables import Table

FORMATS = (".html", ".md", ".json")

RunsArgument = Annotated[
    list[str],
    typer.Argument(
        help="Names of runs; the first is the baseline. RUN+tuned, RUN+calibrated, RUN+up and "
        "RUN+down apply another decision rule."
    ),
]


def register(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.command()(compare)
    app.command()(report)


def compare(
    runs: RunsArgument,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown tables.")] = False,
    categories: Annotated[
        bool, typer.Option("--categories", help="Also print the F1 of each category.")
    ] = False,
    device: DeviceOption = "auto",
    workspace_path: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Compare runs on the test documents.

    Tests whether each run differs significantly from the first one.
    """
    result = named_report(workspace_at(workspace_path), runs, device)
    if json:
        print_json(result.to_json())
        return
    from htrans_tui.report.tables import advice_sentences, change_line, per_category, run_metrics

    _print(run_metrics(result.comparison), markdown)
    for group in result.groups[1:]:
        print(("- " if markdown else "") + printable(change_line(result, group)))
    print()
    for sentence in advice_sentences(result):
        print(("- " if markdown else "") + printable(sentence))
    if categories:
        print()
        _print(per_category(result.comparison), markdown)


def report(
    runs: RunsArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Output file: .html, .md or .json.")
    ] = Path("report.html"),
    device: DeviceOption = "auto",
    workspace_path: WorkspaceOption = None,
) -> None:
    """Write the tables and plots of a comparison to a file."""
    check_output(output)
    write_report(named_report(workspace_at(workspace_path), runs, device), output)
    print(output)


def check_output(output: Path) -> None:
    """Check the path of a report before anything is computed.

    Raises:
        HTransError: If the suffix is not in `FORMATS`, or if the folder does not exist.
    """
    if output.suffix not in FORMATS:
        raise HTransError(f"--output {output}: the suffix must be one of {', '.join(FORMATS)}")
    if not output.absolute().parent.is_dir():
        raise HTransError(f"--output {output}: no such folder: {output.absolute().parent}")


def write_report(result: Report, output: Path) -> None:
    """Write a report in the format given by the suffix of `output`."""
    from core.files import write_bytes
    from htrans_tui.report.markdown import markdown_page
    from htrans_tui.report.page import html_page

    if output.suffix == ".html":
        text = html_page(result)
    elif output.suffix == ".md":
        text = markdown_page(result)
    else:
        from json import dumps

        text = dumps(result.to_json(), ensure_ascii=False, allow_nan=False, indent=1)
    write_bytes(output, text.encode())


def named_report(workspace: Workspace, runs: Sequence[str], device: str) -> Report:
    """Compare runs by name. Shows progress and prints notes about the runs to stderr.

    Args:
        workspace: The workspace of the runs.
        runs: Names of runs, each with an optional decision rule such as RUN+tuned. The first
            one is the baseline.
        device: Value of --device.
    """
    from core.engine.comparison.named_runs import report_on

    with open_store(workspace) as store:
        named = report_on(store, workspace, runs, device, lambda phase: progress(phase, "runs"))
    for note in named.notes:
        say(note)
    return named.report


def _print(table: Table, markdown: bool) -> None:
    if markdown:
        from htrans_tui.report.markdown import markdown_table

        print(markdown_table(table))
    else:
        print_table(table.header, table.rows, table.right)
    print()
    if table.note:
        print(printable(table.note))
        print()
