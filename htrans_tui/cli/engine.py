"""Commands: engine start, stop, status."""

from __future__ import annotations

import dataclasses
import time

import typer

from core.engine.artifacts.workspace_store import open_store
from core.engine.host.devices import DEFAULT_WORKERS_PER_DEVICE
from core.errors import HTransError
from htrans_tui.cli.options import (
    AddressOption,
    DeviceOption,
    EngineOption,
    JsonOption,
    WorkersOption,
    WorkersPerDeviceOption,
    WorkspaceOption,
    workspace_at,
)
from htrans_tui.cli.output import print_json, say

engine_app = typer.Typer(
    help="Start, stop and inspect the background engine.", no_args_is_help=True
)


def register(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.add_typer(engine_app, name="engine")


@engine_app.command()
def start(
    device: DeviceOption = "auto",
    workers: WorkersOption = None,
    workers_per_device: WorkersPerDeviceOption = DEFAULT_WORKERS_PER_DEVICE,
    engine: EngineOption = None,
    address: AddressOption = None,
    workspace_path: WorkspaceOption = None,
) -> None:
    """Start the engine if a run has work left."""
    from core.engine.host.launch import ensure_supervisor, running_supervisor
    from core.engine.runs.engine_choice import EngineRequest, choose_engine, configure
    from core.engine.trials.scheduling import has_work

    workspace = workspace_at(workspace_path)
    with open_store(workspace) as store:
        if (running := running_supervisor(store)) is not None:
            print(f"the engine is already running (pid {running.pid})")
            return
        if not has_work(store):
            print("the engine was not started: no run has work left")
            return
        request = EngineRequest(engine, address, device, workers, workers_per_device)
        choose_engine(store, request)
        configure(store, request)
        ensure_supervisor(store, workspace)
        deadline = time.monotonic() + 20
        while (started := running_supervisor(store)) is None:
            if time.monotonic() > deadline:
                raise HTransError(f"the engine did not start; see {workspace.logs}/supervisor.log")
            time.sleep(0.1)
        print(f"the engine is running (pid {started.pid})")


@engine_app.command()
def stop(workspace_path: WorkspaceOption = None) -> None:
    """Stop the engine after its workers have written checkpoints."""
    from core.engine.host.launch import stop_supervisor

    with open_store(workspace_at(workspace_path)) as store:
        stopped = stop_supervisor(store)
    print("the engine has stopped" if stopped else "the engine is not running")


@engine_app.command()
def status(workspace_path: WorkspaceOption = None, json: JsonOption = False) -> None:
    """Show the engine and its workers."""
    from core.engine.host.launch import running_supervisor
    from core.engine.monitoring.status import workers_of

    with open_store(workspace_at(workspace_path)) as store:
        engine = running_supervisor(store)
        workers = workers_of(store) if engine else ()
    if json:
        print_json(
            {
                "running": engine is not None,
                **({} if engine is None else dataclasses.asdict(engine)),
                "workers": [worker.to_json() for worker in workers],
            }
        )
        return
    if engine is None:
        print("the engine is not running")
        return
    on = "" if engine.kind == "local" else f" on Ray at {engine.address or 'this machine'}"
    print(f"the engine is running (pid {engine.pid}){on}, device {engine.device}")
    for worker in workers:
        at = "" if worker.category is None else f" {worker.category} weight={worker.class_weight:g}"
        print(f"worker {worker.pid} {worker.device} {worker.state}{at}")
    if not workers:
        say("the workers are starting")
