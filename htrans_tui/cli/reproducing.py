"""Command: reproduce."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.engine.artifacts.workspace_store import Store, open_store
from core.engine.runs.lookup import has_ended
from core.errors import HTransError
from core.settings import settings_used_in
from core.workspace import Workspace
from htrans_tui.cli.comparing import check_output, named_report, write_report
from htrans_tui.cli.options import (
    AddressOption,
    DeviceOption,
    EngineOption,
    JsonOption,
    WorkersOption,
    WorkspaceOption,
    ids_in,
    workspace_at,
)
from htrans_tui.cli.output import print_json, print_table, progress, say
from htrans_tui.cli.panels import PanelCommand
from htrans_tui.cli.setting_options import NO_CHANGES, setting_options

if TYPE_CHECKING:
    from core.engine.monitoring.status import Status
    from core.engine.runs.reproduction import Planned


_INTERVAL = 2.0
"""Seconds between two polls of the runs."""


def register(app: typer.Typer) -> None:
    """Register the command of this module."""
    app.command(cls=PanelCommand)(reproduce)


@setting_options(
    settings_used_in("reproduce"),
    max_words=typer.Option(
        help="Words of a document that GRU-Att reads; dgcnn and linear read all. [default: 100]"
    ),
)
def reproduce(
    corpus: Annotated[str, typer.Argument(help="Name of an imported corpus.")],
    preset: Annotated[
        str, typer.Option(help="paper, fast or smoke. Other options override it.")
    ] = "paper",
    name: Annotated[
        str | None, typer.Option(help="Prefix of the run names. [default: CORPUS]")
    ] = None,
    seeds: Annotated[str, typer.Option(help="Seeds, comma-separated.")] = "0",
    systems: Annotated[
        str | None, typer.Option(help="Systems, comma-separated. [default: all]")
    ] = None,
    ablation: Annotated[
        bool, typer.Option("--ablation", help="Add the steps between gru-att and htrans.")
    ] = False,
    vectors: Annotated[
        str | None, typer.Option(help="Word vectors that embeddings start from.")
    ] = None,
    categories: Annotated[
        str | None, typer.Option(help="Category ids, comma-separated. Includes ancestors.")
    ] = None,
    changes: Mapping[str, Any] = NO_CHANGES,
    device: DeviceOption = "auto",
    workers: WorkersOption = None,
    engine: EngineOption = None,
    address: AddressOption = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Report: .html, .md or .json. [default: NAME.html]"),
    ] = None,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Train all systems of the paper and compare them.

    Writes a report. Resumes if interrupted and run again.
    """
    from core.engine.runs.engine_choice import EngineRequest
    from core.engine.runs.reproduction import ORDER, RULES, Plan, check_plan, planned_runs

    file = output or Path(f"{name or corpus}.html")
    check_output(file)
    place = workspace_at(workspace)
    plan = Plan(
        corpus=corpus,
        name=name or corpus,
        preset=preset,
        changes=changes,
        seeds=_seeds(seeds),
        systems=ids_in(systems) or ORDER,
        ablation=ablation,
        vectors=vectors,
        categories=ids_in(categories),
        engine=EngineRequest(engine, address, device, workers),
    )
    planned = planned_runs(plan)
    with open_store(place) as store:
        check_plan(store, planned)
        _train(store, place, planned)
    first = planned[0].name
    names = [run.name for run in planned] + [f"{first}+{rule}" for rule in RULES]
    result = named_report(place, names, device)
    write_report(result, file)
    if json:
        print_json(result.to_json())
        return
    from htrans_tui.report.tables import advice_sentences, report_tables

    for table in list(report_tables(result))[:4]:
        print(table.title)
        print_table(table.header, table.rows, table.right)
        print()
    for sentence in advice_sentences(result):
        print(sentence)
    say(f"full report: {file}")


def _seeds(text: str) -> tuple[int, ...]:
    try:
        return tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        raise HTransError(f"--seeds {text}: expected integers such as 0,1") from None


def _train(store: Store, workspace: Workspace, planned: Sequence[Planned]) -> None:
    """Start planned runs as they become ready, and wait until all have ended."""
    from core.engine.monitoring.status import status_of
    from core.engine.runs.reproduction import start_ready
    from core.engine.runs.waiting import EngineWatch

    watch = EngineWatch(store, workspace)
    views: dict[str, Status] = {}
    reported: set[str] = set()
    with progress("reproducing", "categories") as step:
        while True:
            runs, notes = start_ready(store, workspace, planned)
            for note in notes:
                say(note)
            for run in runs:
                if run.name not in views or not has_ended(views[run.name].run.run):
                    views[run.name] = status_of(store, run.id)
            states = [view.run.run.state for view in views.values()]
            ended = all(has_ended(view.run.run) for view in views.values())
            if len(views) == len(planned) and ended:
                break
            step(sum(v.run.done for v in views.values()), _categories(views, planned))
            for name, view in views.items():
                if view.run.run.state == "paused" and name not in reported:
                    reported.add(name)
                    say(f"run {name} is paused; resume it with: htrans-tui resume {name}")
            watch.check(is_running="running" in states)
            time.sleep(_INTERVAL)
    for name, view in views.items():
        if view.run.run.state != "done":
            raise HTransError(
                f"run {name!r} ended as {view.run.run.state}; see: htrans-tui status {name}"
            )


def _categories(views: Mapping[str, Status], planned: Sequence[Planned]) -> int:
    """Return the number of categories of all planned runs, including those not yet started."""
    return len(planned) * max((view.run.total for view in views.values()), default=0)
