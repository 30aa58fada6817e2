"""Commands: compare, report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import HTransError
from core.text.plain_text import printable
from core.workspace import Workspace
from db.connection import Store
from db.states import ENDED
from htrans_tui.cli.options import (
    DeviceOption,
    JsonOption,
    WorkspaceOption,
    open_store,
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
    """Compare runs on the test documents, and test each against the first."""
    place = workspace_at(workspace)
    found = report_of(open_store(place), place, runs, device)
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
    """Write all tables and plots of a comparison into one file."""
    check_output(output)
    place = workspace_at(workspace)
    write_report(report_of(open_store(place), place, runs, device), output)
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


def report_of(store: Store, place: Workspace, runs: Sequence[str], device: str) -> Report:
    """Compare the runs of these names, saying what has to be said of them."""
    names = list(dict.fromkeys(runs))
    if len(names) < 2:
        raise HTransError("name at least two different runs to compare")
    from core.engine.comparison.run_variants import variant_named

    contenders = [variant_named(store, name) for name in names]
    from core.engine.comparison.comparison import ComparisonBuilder
    from core.engine.comparison.report import make_report
    from core.engine.host.torch_device import pick_device

    with progress("scoring", "runs") as step:
        arena = ComparisonBuilder(store, place, contenders, pick_device(device), step)
    with progress("testing", "runs") as step:
        found = make_report(store, arena, step)
    for run in {contender.run.name: contender.run for contender in contenders}.values():
        if run.state not in ENDED:
            say(f"run {run.name} is {run.state}: categories without a model predict nothing")
    if arena.left_out:
        say(f"{len(arena.left_out)} categories are not in all runs and are left out")
    return found


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
