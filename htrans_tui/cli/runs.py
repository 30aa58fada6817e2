"""Commands: train, runs, status."""

from __future__ import annotations

import sys
import time
from typing import Annotated, Any

import typer

from core.engine.devices import DEFAULT_WORKERS_PER_DEVICE
from core.engine.status import Status
from core.errors import HTransError
from core.settings import PAPER_CLASS_WEIGHTS, default, meaning, settings_changes, settings_for
from core.workspace import Workspace
from db.connection import Store
from htrans_tui.cli.options import (
    DeviceOption,
    JsonOption,
    RunArgument,
    WorkersOption,
    WorkersPerDeviceOption,
    WorkspaceOption,
    open_store,
    workspace_at,
)
from htrans_tui.cli.output import print_json, print_table, progress, say
from htrans_tui.cli.tables import print_f1, print_tree, run_line
from htrans_tui.format import duration

WAIT_INTERVAL = 0.5
_CLEAR = "\x1b[2J\x1b[H"
_ENDED = ("done", "failed", "cancelled")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (train, runs, status):
        app.command()(command)


def _setting(name: str) -> Any:
    shown = default(name)
    if name == "class_weights":
        shown = ",".join(f"{weight:g}" for weight in PAPER_CLASS_WEIGHTS)
    return typer.Option(
        help=f"{meaning(name).capitalize()}. [default: {shown}]", show_default=False
    )


def train(
    corpus: Annotated[str, typer.Argument(help="Name of an imported corpus.")],
    name: Annotated[
        str | None, typer.Option(help="Name of the run. [default: CORPUS-SYSTEM]")
    ] = None,
    system: Annotated[str, typer.Option(help="htrans, gru-att or gru-att-basic.")] = "htrans",
    vectors: Annotated[
        str | None, typer.Option(help="Word vectors that embeddings start from.")
    ] = None,
    categories: Annotated[
        str | None, typer.Option(help="Ids, comma-separated; their ancestors come along.")
    ] = None,
    preset: Annotated[
        str, typer.Option(help="paper, fast or smoke; single options go before it.")
    ] = "paper",
    class_weights: Annotated[str | None, _setting("class_weights")] = None,
    epochs: Annotated[int | None, _setting("epochs")] = None,
    patience: Annotated[int | None, _setting("patience")] = None,
    max_words: Annotated[int | None, _setting("max_words")] = None,
    batch_size: Annotated[int | None, _setting("batch_size")] = None,
    hidden_units: Annotated[int | None, _setting("hidden_units")] = None,
    dropout: Annotated[float | None, _setting("dropout")] = None,
    learning_rate: Annotated[float | None, _setting("learning_rate")] = None,
    transferred_learning_rate: Annotated[
        float | None, _setting("transferred_learning_rate")
    ] = None,
    validation_fraction: Annotated[float | None, _setting("validation_fraction")] = None,
    dimensions: Annotated[int | None, _setting("dimensions")] = None,
    negatives: Annotated[int | None, _setting("negatives")] = None,
    search: Annotated[str | None, _setting("search")] = None,
    precision: Annotated[str | None, _setting("precision")] = None,
    seed: Annotated[int | None, _setting("seed")] = None,
    device: DeviceOption = "auto",
    workers: WorkersOption = None,
    workers_per_device: WorkersPerDeviceOption = DEFAULT_WORKERS_PER_DEVICE,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the run ends.")] = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Train a hierarchy in the background; it goes on when this command ends."""
    changes = settings_changes(
        class_weights=None if class_weights is None else parse_weights(class_weights),
        epochs=epochs,
        patience=patience,
        max_words=max_words,
        batch_size=batch_size,
        hidden_units=hidden_units,
        dropout=dropout,
        learning_rate=learning_rate,
        transferred_learning_rate=transferred_learning_rate,
        validation_fraction=validation_fraction,
        dimensions=dimensions,
        negatives=negatives,
        search=search,
        precision=precision,
        seed=seed,
    )
    settings = settings_for(preset, changes)
    from core.engine.runs import RunRequest, start_run
    from core.engine.status import status_of

    place = workspace_at(workspace)
    store = open_store(place)
    request = RunRequest(
        corpus=corpus,
        settings=settings,
        name=name,
        system=system,
        vectors=vectors,
        categories=tuple(x.strip() for x in categories.split(",") if x.strip())
        if categories
        else (),
        device=device,
        workers=workers,
        workers_per_device=workers_per_device,
    )
    run, notes = start_run(store, place, request)
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
    state = wait_for(store, place, run.id)
    ended = status_of(store, run.id)
    if json:
        print_json(ended.run.to_json())
    else:
        print_tree(ended)
        print_f1(ended.run)
    if state != "done":
        raise HTransError(f"run {run.name!r} ended as {state}; see: htrans-tui status {run.name}")


def parse_weights(text: str) -> tuple[float, ...]:
    """Comma-separated class weights."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise HTransError(f"--class-weights {text}: give numbers such as 1,5,10") from None


def wait_for(store: Store, workspace: Workspace, run_id: int) -> str:
    """Wait until a run has ended and its test documents are scored; return its state.

    Ctrl-C ends the waiting, not the run. Raises `HTransError` if the engine dies meanwhile.
    """
    from core.engine.launch import running_supervisor
    from core.engine.status import status_of

    started = time.monotonic()
    last_seen = started
    with progress("training", "trials") as step:
        while True:
            status = status_of(store, run_id)
            if status.run.run.state in _ENDED and not _scoring(status):
                return status.run.run.state
            step(
                sum(category.trials_done for category in status.categories),
                sum(category.trials for category in status.categories),
            )
            if running_supervisor(store) is not None:
                last_seen = time.monotonic()
            elif time.monotonic() - last_seen > 15 and status.run.run.state == "running":
                raise HTransError(
                    f"the engine has ended before the run; see {workspace.logs}/supervisor.log, "
                    "then go on with: htrans-tui engine start"
                )
            time.sleep(WAIT_INTERVAL)


def _scoring(status: Status) -> bool:
    """Whether a worker still scores the test documents of what it has just trained."""
    return any(
        worker.state == "scoring"
        or (worker.state == "training" and worker.run_id == status.run.run.id)
        for worker in status.workers
    )


def runs(workspace: WorkspaceOption = None, json: JsonOption = False) -> None:
    """List the runs, the newest first."""
    from core.engine.status import all_runs

    every = all_runs(open_store(workspace_at(workspace)))
    if json:
        print_json([run.to_json() for run in every])
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
        for r in every
    ]
    header = ["name", "system", "corpus", "state", "done", "ETA", "micro-F1", "macro-F1"]
    print_table(header, rows, "llllrrrr")


def status(
    run: RunArgument = None,
    watch: Annotated[bool, typer.Option("--watch", help="Print again as it changes.")] = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Show a run: its categories, what they came to, and the workers."""
    from core.engine.status import status_of
    from db.runs import run_named

    store = open_store(workspace_at(workspace))
    run_id = run_named(store, run).id
    version = None
    while True:
        if (current := store.data_version()) != version:
            version = current
            view = status_of(store, run_id)
            if json:
                print_json(view.to_json())
            else:
                if watch and sys.stdout.isatty():
                    print(_CLEAR, end="")
                _print_status(view)
        if not watch or view.run.run.state in _ENDED:
            return
        time.sleep(1.0)


def _print_status(view: Any) -> None:
    print(run_line(view.run))
    print_tree(view)
    for worker in view.workers:
        at = "" if worker.category is None else f" {worker.category} w={worker.class_weight:g}"
        epoch = "" if worker.epoch is None else f" epoch {worker.epoch}"
        print(f"worker {worker.pid} {worker.device} {worker.state}{at}{epoch}")
    if view.run.run.state == "done":
        print_f1(view.run)
