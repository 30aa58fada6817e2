"""Command: demo."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from core.engine.artifacts.workspace_store import Store, open_store
from core.engine.monitoring.status import status_of
from core.engine.runs.lookup import Run
from core.errors import HTransError
from core.settings import TrainingSettings
from core.workspace import Workspace
from htrans_tui.cli.options import WorkspaceOption, workspace_at
from htrans_tui.cli.output import progress, say
from htrans_tui.cli.tables import print_f1, print_tree

CORPUS = "icd10cm-demo"
SOURCE = "icd10cm:4,9,10"
SETTINGS = TrainingSettings(
    class_weights=(1.0, 3.0),
    epochs=10,
    patience=3,
    batch_size=64,
    max_words=20,
    hidden_units=48,
    dimensions=64,
    learning_rate=0.004,
    transferred_learning_rate=0.002,
)


def register(app: typer.Typer) -> None:
    """Register the command of this module."""
    app.command()(demo)


def demo(
    headless: Annotated[
        bool, typer.Option("--headless", help="Wait for the run and print the result; no app.")
    ] = False,
    workspace_path: WorkspaceOption = None,
) -> None:
    """Train on part of ICD-10-CM and open the app.

    Takes a few minutes on two CPU cores.
    """
    workspace = workspace_at(workspace_path)
    with open_store(workspace, create=True) as store:
        _import(store, workspace)
        run = _start(store, workspace)
    if not headless and sys.stdout.isatty() and sys.stdin.isatty():
        from htrans_tui.app.app import run_app

        run_app(workspace, run.name)
        return
    from core.engine.runs.waiting import wait_for

    with open_store(workspace) as store:
        with progress("training", "trials") as step:
            state = wait_for(store, workspace, run.id, step)
        if state != "done":
            raise HTransError(f"run {run.name!r} ended as {state}; see {workspace.logs}")
        _evaluate(store, workspace, run)
        ended = status_of(store, run.id)
    print_tree(ended)
    print_f1(ended.run)


def _import(store: Store, workspace: Workspace) -> None:
    from core.engine.ingest.catalog import read_catalog
    from core.engine.ingest.corpora import import_corpus
    from core.engine.ingest.import_plan import ImportRequest

    if any(corpus.name == CORPUS for corpus in read_catalog(store).corpora):
        return
    request = ImportRequest(CORPUS, (SOURCE,), format="icd10cm", max_words=SETTINGS.max_words)
    with progress(f"importing {CORPUS}", "documents") as step:
        corpus, _ = import_corpus(store, workspace, request, step)
    say(
        f"imported {corpus.documents:,} descriptions of ICD-10-CM, "
        f"{corpus.categories} categories on {corpus.levels} levels"
    )


def _start(store: Store, workspace: Workspace) -> Run:
    from core.engine.runs.starting import RunRequest, start_run

    run, notes = start_run(store, workspace, RunRequest(CORPUS, SETTINGS))
    for note in notes:
        say(note)
    say(f"run {run.name} started in the background")
    return run


def _evaluate(store: Store, workspace: Workspace, run: Run) -> None:
    from core.engine.artifacts.run_data import RunData
    from core.engine.host.torch_device import pick_device
    from core.engine.scoring.evaluation import evaluate

    evaluate(store, RunData(store, workspace, run), "test", pick_device("cpu"))
