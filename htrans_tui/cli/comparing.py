"""Command: compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import HTransError
from htrans_tui.cli.options import (
    DeviceOption,
    JsonOption,
    WorkspaceOption,
    open_store,
    workspace_at,
)
from htrans_tui.cli.output import print_json, print_markdown, print_table, progress, say
from htrans_tui.format import duration

if TYPE_CHECKING:
    from core.engine.comparison import ComparedRun, Comparison

_SIGNIFICANT = 0.05


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(compare)


def compare(
    runs: Annotated[list[str], typer.Argument(help="Names of runs; the first is the baseline.")],
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown tables.")] = False,
    categories: Annotated[
        bool, typer.Option("--categories", help="Add the F1 of each category.")
    ] = False,
    device: DeviceOption = "auto",
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Compare runs on the test documents, and test each against the first."""
    if len(set(runs)) < 2:
        raise HTransError("compare: name at least two different runs")
    place = workspace_at(workspace)
    store = open_store(place)
    from db.runs import run_named

    records = [run_named(store, name) for name in runs]
    from core.engine.comparison import TEST
    from core.engine.comparison import compare as measure
    from core.engine.torch_device import pick_device

    with progress("comparing", "runs") as step:
        found = measure(store, place, records, pick_device(device), step)
    for record in records:
        if record.state not in ("done", "failed", "cancelled"):
            say(f"run {record.name} is {record.state}: categories without a model predict nothing")
    if found.left_out:
        say(f"{len(found.left_out)} categories are not in all runs and are left out")
    if json:
        print_json(found.to_json())
        return
    table = print_markdown if markdown else print_table
    table(*_measures(found))
    print()
    print(
        f"{found.documents:,} test documents, {len(found.ids)} categories. p: {TEST} against "
        f"{found.runs[0].run.name}, two-sided; * at most {_SIGNIFICANT}."
    )
    if categories:
        print()
        table(*_categories(found))


def _measures(found: Comparison) -> tuple[list[str], list[list[str]], str]:
    levels = sorted(found.runs[0].summary.levels)
    header = ["run", "system", "seed", "work", "micro-F1", "p", "macro-F1", "p", "macro, present"]
    header += [f"level {level}" for level in levels] + ["hierarchical"]
    rows = [_row(compared, levels) for compared in found.runs]
    return header, rows, "ll" + "r" * (len(header) - 2)


def _row(compared: ComparedRun, levels: list[int]) -> list[str]:
    summary, against = compared.summary, compared.against_first
    return [
        compared.run.name,
        compared.run.system,
        str(compared.run.seed),
        duration(compared.seconds),
        f"{summary.micro.f1:.4f}",
        "" if against is None else _p(against.p_micro),
        f"{summary.macro.f1:.4f}",
        "" if against is None else _p(against.p_macro),
        f"{summary.macro_present.f1:.4f}",
        *(f"{summary.levels[level].macro.f1:.4f}" for level in levels),
        f"{compared.hierarchical.f1:.4f}",
    ]


def _p(value: float) -> str:
    return f"{value:.4f}{'*' if value <= _SIGNIFICANT else ' '}"


def _categories(found: Comparison) -> tuple[list[str], list[list[str]], str]:
    header = ["category", "support", *(compared.run.name for compared in found.runs)]
    rows = [
        [
            key,
            f"{found.support[key]:,}",
            *(f"{compared.f1[key]:.3f}" for compared in found.runs),
        ]
        for key in found.ids
    ]
    return header, rows, "lr" + "r" * len(found.runs)
