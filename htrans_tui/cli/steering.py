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
    str | None, typer.Argument(help="Id of a category; the complete run if omitted.")
]
Subtree = Annotated[bool, typer.Option("--subtree", help="Include all categories below.")]


def register(app: typer.Typer) -> None:
    """Register the commands of this module."""
    for command in (pause, resume, cancel, retrain, restore, delete):
        app.command(cls=PanelCommand)(command)


def pause(
    run: RunName,
    category: CategoryName = None,
    subtree: Subtree = False,
    workspace_path: WorkspaceOption = None,
) -> None:
    """Pause a run or one of its categories.

    Running trials finish their batch and write a checkpoint.
    """
    from core.engine.runs.steering import pause_category, pause_run

    with open_run(workspace_at(workspace_path), run) as (store, record):
        if category is None:
            print(f"{run}: {pause_run(store, record).state}")
        else:
            _report(run, "paused", pause_category(store, record, category, subtree=subtree))


def resume(
    run: RunName,
    category: CategoryName = None,
    subtree: Subtree = False,
    workspace_path: WorkspaceOption = None,
) -> None:
    """Resume a paused run or category from its checkpoints."""
    from core.engine.runs.steering import resume_category, resume_run

    workspace = workspace_at(workspace_path)
    with open_run(workspace, run) as (store, record):
        if category is None:
            print(f"{run}: {resume_run(store, workspace, record).state}")
        else:
            _report(
                run, "resumed", resume_category(store, workspace, record, category, subtree=subtree)
            )


def cancel(
    run: RunName,
    category: CategoryName = None,
    subtree: Subtree = False,
    workspace_path: WorkspaceOption = None,
) -> None:
    """Cancel a run or one of its categories.

    Finished categories keep their models.
    """
    from core.engine.runs.steering import cancel_in_run, cancel_run

    with open_run(workspace_at(workspace_path), run) as (store, record):
        if category is None:
            print(f"{run}: {cancel_run(store, record).state}")
        else:
            _report(run, "cancelled", cancel_in_run(store, record, category, subtree=subtree))


@setting_options(settings_used_in("retrain"), default="the run's value", panels=False)
def retrain(
    run: RunName,
    category: Annotated[str, typer.Argument(help="Id of the category.")],
    subtree: Subtree = False,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="Initial weights: parent, scratch or current. [default: the system's]",
            show_default=False,
        ),
    ] = None,
    changes: Mapping[str, Any] = NO_CHANGES,
    workspace: WorkspaceOption = None,
) -> None:
    """Train a category again.

    The active model stays in use until the new one is finished.
    """
    from core.engine.runs.retraining import RetrainRequest
    from core.engine.runs.retraining import retrain as start

    place = workspace_at(workspace)
    request = RetrainRequest(category, subtree=subtree, origin=from_, changes=changes)
    with open_run(place, run) as (store, record):
        _report(run, "queued for retraining:", start(store, place, record, request))


def restore(
    run: RunName,
    category: Annotated[str, typer.Argument(help="Id of the category.")],
    attempt: Annotated[
        int | None, typer.Option(help="Number of the attempt. [default: the previous one]")
    ] = None,
    workspace_path: WorkspaceOption = None,
) -> None:
    """Restore the model of an earlier attempt."""
    from core.engine.runs.retraining import restore as restore_attempt

    with open_run(workspace_at(workspace_path), run) as (store, record):
        restored = restore_attempt(store, record, category, attempt)
    print(f"{run}: {category} now uses the model of attempt {restored.attempt}")


def delete(
    run: RunName,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    workspace_path: WorkspaceOption = None,
) -> None:
    """Delete a run with its models, scores and history.

    This cannot be undone.
    """
    from core.engine.runs.deletion import delete_run

    workspace = workspace_at(workspace_path)
    with open_run(workspace, run) as (store, record):
        if not yes:
            typer.confirm(f"Delete {run} with its models?", abort=True)
        delete_run(store, workspace, record)
        print(f"{run}: deleted")


def _report(run: str, verb: str, categories: Sequence[RunCategory]) -> None:
    keys = ", ".join(category.key for category in categories[:5])
    more = f" and {len(categories) - 5} more" if len(categories) > 5 else ""
    print(f"{run}: {verb} {keys}{more}")
