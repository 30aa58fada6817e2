"""Commands: pause, resume, cancel, retrain, restore, delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from core.engine.runs.lookup import RunCategory, open_run
from core.settings import settings_used_in
from htrans_tui.cli.options import WorkspaceOption, workspace_at
from htrans_tui.cli.panels import PanelCommand
from htrans_tui.cli.setting_options import NO_CHANGES, setting_options

RunName = Annotated[str, typer.Argument(help="Name of the run.")]
CategoryName = Annotated[
    str | None, typer.Argument(help="Id of a category; without it the whole run.")
]
Subtree = Annotated[bool, typer.Option("--subtree", help="The category and all below it.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    for command in (pause, resume, cancel, retrain, restore, delete):
        app.command(cls=PanelCommand)(command)


def pause(
    run: RunName,
    category: CategoryName = None,
    subtree: Subtree = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Pause a run or one of its categories.

    Batches in flight finish, and checkpoints are written.
    """
    from core.engine.runs.steering import pause_category, pause_run

    with open_run(workspace_at(workspace), run) as (store, record):
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
    """Resume a paused run or category from its checkpoints."""
    from core.engine.runs.steering import resume_category, resume_run

    place = workspace_at(workspace)
    with open_run(place, run) as (store, record):
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
    """Cancel a run or one of its categories.

    Categories that are done keep their models.
    """
    from core.engine.runs.steering import cancel_in_run, cancel_run

    with open_run(workspace_at(workspace), run) as (store, record):
        if category is None:
            print(f"{run}: {cancel_run(store, record).state}")
        else:
            _say(run, "cancelled", cancel_in_run(store, record, category, subtree=subtree))


@setting_options(settings_used_in("retrain"), default="the run's value", panels=False)
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
    changes: Mapping[str, Any] = NO_CHANGES,
    workspace: WorkspaceOption = None,
) -> None:
    """Train a category again.

    Its active model stays in use until the new one is done.
    """
    from core.engine.runs.retraining import RetrainRequest
    from core.engine.runs.retraining import retrain as start

    place = workspace_at(workspace)
    request = RetrainRequest(category, subtree=subtree, origin=from_, changes=changes)
    with open_run(place, run) as (store, record):
        _say(run, "to be retrained", start(store, place, record, request))


def restore(
    run: RunName,
    category: Annotated[str, typer.Argument(help="Id of the category.")],
    attempt: Annotated[
        int | None, typer.Option(help="Number of the attempt. [default: the one before]")
    ] = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Restore the model of an earlier attempt."""
    from core.engine.runs.retraining import restore as bring_back

    with open_run(workspace_at(workspace), run) as (store, record):
        restored = bring_back(store, record, category, attempt)
    print(f"{run}: {category} has the model of attempt {restored.attempt}")


def delete(
    run: RunName,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Delete a run with its models, scores and history.

    This cannot be undone.
    """
    from core.engine.runs.deletion import delete_run

    place = workspace_at(workspace)
    with open_run(place, run) as (store, record):
        if not yes:
            typer.confirm(f"Delete {run} with its models?", abort=True)
        delete_run(store, place, record)
        print(f"{run}: deleted")


def _say(run: str, verb: str, categories: Sequence[RunCategory]) -> None:
    some = ", ".join(category.key for category in categories[:5])
    more = f" and {len(categories) - 5} more" if len(categories) > 5 else ""
    print(f"{run}: {verb} {some}{more}")
