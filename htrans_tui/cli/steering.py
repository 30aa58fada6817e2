"""Commands: pause, resume, cancel, retrain, restore, delete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from core.settings import settings_changes
from db.runs import RunCategory
from htrans_tui.cli.options import WorkspaceOption, open_store, workspace_at
from htrans_tui.cli.runs import parse_weights

RunName = Annotated[str, typer.Argument(help="Name of the run.")]
CategoryName = Annotated[
    str | None, typer.Argument(help="Id of a category; without it the whole run.")
]
Subtree = Annotated[bool, typer.Option("--subtree", help="The category and all below it.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (pause, resume, cancel, retrain, restore, delete):
        app.command()(command)


def pause(
    run: RunName,
    category: CategoryName = None,
    subtree: Subtree = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Pause a run, or a category of it: batches in flight end and checkpoints are written."""
    from core.engine.runs.steering import pause_category, pause_run
    from db.runs import run_named

    store = open_store(workspace_at(workspace))
    record = run_named(store, run)
    if category is None:
        print(f"{run}: {pause_run(store, record).state}")
    else:
        _say(run, "paused", pause_category(store, record, category, subtree=subtree))


def resume(
    run: RunName,
    category: CategoryName = None,
    subtree: Subtree = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Resume a paused run, or a paused category of it, from its checkpoints."""
    from core.engine.runs.steering import resume_category, resume_run
    from db.runs import run_named

    place = workspace_at(workspace)
    store = open_store(place)
    record = run_named(store, run)
    if category is None:
        print(f"{run}: {resume_run(store, place, record).state}")
    else:
        _say(run, "resumed", resume_category(store, place, record, category, subtree=subtree))


def cancel(
    run: RunName,
    category: CategoryName = None,
    subtree: Subtree = False,
    workspace: WorkspaceOption = None,
) -> None:
    """End a run, or a category of it; what is done keeps its models."""
    from core.engine.runs.steering import cancel_in_run, cancel_run
    from db.runs import run_named

    store = open_store(workspace_at(workspace))
    record = run_named(store, run)
    if category is None:
        print(f"{run}: {cancel_run(store, record).state}")
    else:
        _say(run, "cancelled", cancel_in_run(store, record, category, subtree=subtree))


def retrain(
    run: RunName,
    category: Annotated[str, typer.Argument(help="Id of the category.")],
    subtree: Subtree = False,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="What it starts from: parent, scratch or current. [default: as the system does]",
            show_default=False,
        ),
    ] = None,
    class_weights: Annotated[
        str | None, typer.Option(help="Class weights to try, if others than the run's.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Most epochs, if others.")] = None,
    patience: Annotated[int | None, typer.Option(help="Patience, if another.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Batch size, if another.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Learning rate, if another.")] = None,
    transferred_learning_rate: Annotated[
        float | None, typer.Option(help="Learning rate of what comes from the parent, if another.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed, if another.")] = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Train a category again; its model stays current until the new one is done."""
    from core.engine.runs.retraining import RetrainRequest
    from core.engine.runs.retraining import retrain as start
    from db.runs import run_named

    place = workspace_at(workspace)
    store = open_store(place)
    changes = settings_changes(
        class_weights=None if class_weights is None else parse_weights(class_weights),
        epochs=epochs,
        patience=patience,
        batch_size=batch_size,
        learning_rate=learning_rate,
        transferred_learning_rate=transferred_learning_rate,
        seed=seed,
    )
    request = RetrainRequest(category, subtree=subtree, origin=from_, changes=changes)
    _say(run, "to be retrained", start(store, place, run_named(store, run), request))


def restore(
    run: RunName,
    category: Annotated[str, typer.Argument(help="Id of the category.")],
    attempt: Annotated[
        int | None, typer.Option(help="Number of the attempt. [default: the one before]")
    ] = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Make the model of an earlier attempt at a category current again."""
    from core.engine.runs.retraining import restore as bring_back
    from db.runs import run_named

    store = open_store(workspace_at(workspace))
    restored = bring_back(store, run_named(store, run), category, attempt)
    print(f"{run}: {category} has the model of attempt {restored.attempt}")


def delete(
    run: RunName,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Delete a run with its models, scores and history; nothing of it can be brought back."""
    from core.engine.runs.deletion import delete_run
    from db.runs import run_named

    place = workspace_at(workspace)
    store = open_store(place)
    record = run_named(store, run)
    if not yes:
        typer.confirm(f"Delete {run} with its models?", abort=True)
    delete_run(store, place, record)
    print(f"{run}: deleted")


def _say(run: str, verb: str, categories: Sequence[RunCategory]) -> None:
    some = ", ".join(category.key for category in categories[:5])
    more = f" and {len(categories) - 5} more" if len(categories) > 5 else ""
    print(f"{run}: {verb} {some}{more}")
