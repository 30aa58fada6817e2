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
        "RUN+down decide in another way than the run does."
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command()(compare)
    app.command()(report)


def compare(
    runs: RunsArgument,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown tables.")] = False,
    categories: Annotated[
        bool, typer.Option("--categories", help="Add the F1 of each category.")
    ] = False,
    device: DeviceOption = "auto",
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Compare runs on the test documents.

    Tests the significance of each run's difference from the first one.
    """
    found = named_report(workspace_at(workspace), runs, device)
    if json:
        print_json(found.to_json())
        return
    from htrans_tui.report.tables import advice_sentences, change_line, measures, per_category

    _print(measures(found.comparison), markdown)
    for group in found.groups[1:]:
        print(("- " if markdown else "") + printable(change_line(found, group)))
    print()
    for sentence in advice_sentences(found):
        print(("- " if markdown else "") + printable(sentence))
    if categories:
        print()
        _print(per_category(found.comparison), markdown)


def report(
    runs: RunsArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="File to write: .html, .md or .json.")
    ] = Path("report.html"),
    device: DeviceOption = "auto",
    workspace: WorkspaceOption = None,
) -> None:
    """Write the tables and plots of a comparison to a file."""
    check_output(output)
    write_report(named_report(workspace_at(workspace), runs, device), output)
    print(output)


def check_output(output: Path) -> None:
    """Refuse a file that a report cannot be written to, before anything is computed."""
    if output.suffix not in FORMATS:
        raise HTransError(f"--output {output}: name a file that ends in {', '.join(FORMATS)}")
    if not output.absolute().parent.is_dir():
        raise HTransError(f"--output {output}: there is no folder {output.absolute().parent}")


def write_report(found: Report, output: Path) -> None:
    """Write a report in the format that the file's ending names."""
    from core.files import write_bytes
    from htrans_tui.report.markdown import markdown_page
    from htrans_tui.report.page import html_page

    if output.suffix == ".html":
        text = html_page(found)
    elif output.suffix == ".md":
        text = markdown_page(found)
    else:
        from json import dumps

        text = dumps(found.to_json(), ensure_ascii=False, allow_nan=False, indent=1)
    write_bytes(output, text.encode())


def named_report(workspace: Workspace, runs: Sequence[str], device: str) -> Report:
    """Compare runs by name; show progress, and print notes about the runs to stderr."""
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
