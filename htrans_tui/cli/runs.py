"""Commands: train, runs, status."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from core.engine.artifacts.workspace_store import open_store
from core.engine.host.devices import DEFAULT_WORKERS_PER_DEVICE
from core.engine.runs.lookup import open_run
from core.errors import HTransError
from core.systems import SYSTEMS, system_named
from core.text.plain_text import printable
from htrans_tui.cli.options import (
    AddressOption,
    DeviceOption,
    EngineOption,
    JsonOption,
    RunArgument,
    WorkersOption,
    WorkersPerDeviceOption,
    WorkspaceOption,
    ids_in,
    workspace_at,
)
from htrans_tui.cli.output import print_json, print_table, progress, say
from htrans_tui.cli.panels import PanelCommand
from htrans_tui.cli.setting_options import NO_CHANGES, setting_options
from htrans_tui.cli.tables import print_f1, print_tree, run_line
from htrans_tui.formatting import duration

_CLEAR = "\x1b[2J\x1b[H"


def register(app: typer.Typer) -> None:
    """Register the commands of this module."""
    for command in (train, runs, status):
        app.command(cls=PanelCommand)(command)


@setting_options()
def train(
    corpus: Annotated[str, typer.Argument(help="Name of an imported corpus.")],
    name: Annotated[
        str | None, typer.Option(help="Name of the run. [default: CORPUS-SYSTEM]")
    ] = None,
    system: Annotated[str, typer.Option(help=f"{', '.join(SYSTEMS)}.")] = "htrans",
    vectors: Annotated[
        str | None, typer.Option(help="Word vectors that embeddings start from.")
    ] = None,
    categories: Annotated[
        str | None, typer.Option(help="Category ids, comma-separated. Includes ancestors.")
    ] = None,
    preset: Annotated[
        str, typer.Option(help="paper, fast or smoke. Other options override it.")
    ] = "paper",
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the run ends.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Validate and estimate the duration only.")
    ] = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
    changes: Mapping[str, Any] = NO_CHANGES,
    device: DeviceOption = "auto",
    workers: WorkersOption = None,
    workers_per_device: WorkersPerDeviceOption = DEFAULT_WORKERS_PER_DEVICE,
    engine: EngineOption = None,
    address: AddressOption = None,
) -> None:
    """Train a hierarchy of models in the background.

    The run continues after this command has ended.
    """
    settings = system_named(system).settings(preset, changes)
    from core.engine.monitoring.status import status_of
    from core.engine.runs.engine_choice import EngineRequest
    from core.engine.runs.starting import RunRequest, plan_run, start_run

    place = workspace_at(workspace)
    request = RunRequest(
        corpus=corpus,
        settings=settings,
        name=name,
        system=system,
        vectors=vectors,
        categories=ids_in(categories),
        engine=EngineRequest(engine, address, device, workers, workers_per_device),
    )
    with open_store(place) as store:
        with progress("reading documents", "documents") as step:
            if dry_run:
                notes = plan_run(store, place, request, step).notes
                print_json({"notes": notes}) if json else print("\n".join(notes))
                return
            run, notes = start_run(store, place, request, step)
        for note in notes:
            say(note)
        started = status_of(store, run.id).run
        if json:
            print_json(started.to_json())
        else:
            print(f"run {run.name} started: {started.total} categories")
        if not wait:
            if not json:
                say(f"watch it with: htrans-tui, or htrans-tui status {run.name} --watch")
            return
        from core.engine.runs.waiting import wait_for

        # Ctrl-C stops waiting; the run continues.
        with progress("training", "trials") as step:
            state = wait_for(store, place, run.id, step)
        ended = status_of(store, run.id)
        if json:
            print_json(ended.run.to_json())
        else:
            print_tree(ended)
            print_f1(ended.run)
        if state != "done":
            raise HTransError(
                f"run {run.name!r} ended as {state}; see: htrans-tui status {run.name}"
            )


def runs(workspace_path: WorkspaceOption = None, json: JsonOption = False) -> None:
    """List the runs, newest first."""
    from core.engine.monitoring.status import all_runs

    with open_store(workspace_at(workspace_path)) as store:
        records = all_runs(store)
    if json:
        print_json([run.to_json() for run in records])
        return
    rows = [
        [
            r.run.name,
            r.run.system,
            r.run.corpus,
            r.run.state,
            f"{r.done}/{r.total}",
            duration(r.eta_seconds),
            "" if r.test_micro_f1 is None else f"{r.test_micro_f1:.3f}",
            "" if r.test_macro_f1 is None else f"{r.test_macro_f1:.3f}",
        ]
        for r in records
    ]
    header = ["name", "system", "corpus", "state", "done", "ETA", "micro-F1", "macro-F1"]
    print_table(header, rows, "llllrrrr")


def status(
    run: RunArgument = None,
    watch: Annotated[bool, typer.Option("--watch", help="Print again on every change.")] = False,
    workspace_path: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Show the categories, scores and workers of a run."""
    from core.engine.monitoring.overview import status_and_alerts
    from core.engine.runs.waiting import is_over

    workspace = workspace_at(workspace_path)
    with open_run(workspace, run) as (store, record):
        version = None
        while True:
            if (current := store.data_version()) != version:
                version = current
                view, alerts = status_and_alerts(store, workspace, record.id)
                if json:
                    print_json({**view.to_json(), "alerts": [alert.to_json() for alert in alerts]})
                else:
                    if watch and sys.stdout.isatty():
                        print(_CLEAR, end="")
                    _print_status(view, over=is_over(store, view))
                    for alert in alerts:
                        print(f"! {printable(alert.message)}")
            if not watch or is_over(store, view):
                return
            time.sleep(1.0)


def _print_status(view: Any, *, over: bool) -> None:
    print(run_line(view.run))
    print_tree(view)
    for worker in view.workers:
        at = "" if worker.category is None else f" {worker.category} weight={worker.class_weight:g}"
        epoch = "" if worker.epoch is None else f" epoch {worker.epoch}"
        print(f"worker {worker.pid} {worker.device} {worker.state}{at}{epoch}")
    if view.run.run.state == "done" and over:
        print_f1(view.run)
