"""Pause, resume and cancel a run, a category or a subtree.

A request changes database rows. Workers check these rows between two batches.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.engine.host.launch import ensure_supervisor
from core.engine.trials.scheduling import cancel_category, settle, settle_run
from core.errors import ConflictError, NotFoundError
from core.workspace import Workspace
from db.connection import Store
from db.events import add_event
from db.run_categories import (
    RunCategory,
    has_running_category,
    run_categories,
    set_held,
    waiting_below,
)
from db.runs import Run, run_state, run_with_id, set_run_state
from db.states import ENDED, OPEN, PAUSED_RUN
from db.trials import Claim, resume_trials


def pause_run(store: Store, run: Run) -> Run:
    """Request a pause. Workers finish their batches, write checkpoints and free their devices.

    Raises:
        ConflictError: The run has ended.
    """
    with store.write(durable=True):
        state = _state(store, run)
        if state in PAUSED_RUN:
            return run_with_id(store, run.id)
        _refuse_ended(run, state, "paused")
        at_work = has_running_category(store, run.id)
        set_run_state(store, run.id, "pausing" if at_work else "paused")
    return run_with_id(store, run.id)


def pause_for_space(store: Store, claim: Claim, error: OSError) -> str:
    """Pause the run of a trial because the disk is full; the caller still releases the trial.

    Returns:
        The message of the recorded event.
    """
    message = f"the disk is full ({error.filename}); run paused: free some space, then resume it"
    pause_run(store, run_with_id(store, claim.run_id))
    with store.write(durable=True):
        add_event(store, "disk", message, claim.run_id, claim.run_category_id)
    return message


def resume_run(store: Store, workspace: Workspace, run: Run) -> Run:
    """Resume a run and its paused categories; start the engine if none is running.

    Raises:
        ConflictError: The run has ended.
    """
    with store.write(durable=True):
        state = _state(store, run)
        _refuse_ended(run, state, "resumed")
        if state != "running":
            set_run_state(store, run.id, "running")
        _resume(store, [category.id for category in run_categories(store, run.id)])
    ensure_supervisor(store, workspace)
    return run_with_id(store, run.id)


def cancel_run(store: Store, run: Run) -> Run:
    """Cancel a run. Completed categories keep their models.

    Raises:
        ConflictError: The run has ended.
    """
    with store.write(durable=True):
        _refuse_ended(run, _state(store, run), "cancelled")
        for category in run_categories(store, run.id):
            cancel_category(store, category.id)
        settle_run(store, run.id)
    return run_with_id(store, run.id)


def pause_category(store: Store, run: Run, key: str, *, subtree: bool) -> list[RunCategory]:
    """Pause a category or its subtree; return the paused categories.

    Raises:
        ConflictError: No category is unfinished.
        NotFoundError: The run does not train the category.
    """
    with store.write(durable=True):
        chosen = _unfinished(store, run, key, subtree, "paused")
        for category in chosen:
            set_held(store, category.id, held=True)
    return chosen


def resume_category(
    store: Store, workspace: Workspace, run: Run, key: str, *, subtree: bool
) -> list[RunCategory]:
    """Resume a paused category or the paused categories of its subtree; return them.

    Raises:
        ConflictError: No category is paused individually, or the run is paused.
        NotFoundError: The run does not train the category.
    """
    with store.write(durable=True):
        held = [c for c in chosen_categories(store, run, key, subtree=subtree) if c.held]
        if not held:
            raise ConflictError(f"category {key!r} of run {run.name!r} is not paused individually")
        if _state(store, run) != "running":
            raise ConflictError(
                f"run {run.name!r} is paused; resume it with: htrans-tui resume {run.name}"
            )
        _resume(store, [category.id for category in held])
    ensure_supervisor(store, workspace)
    return held


def cancel_in_run(store: Store, run: Run, key: str, *, subtree: bool) -> list[RunCategory]:
    """Cancel a category or its subtree, with the categories that wait for them; return them.

    A category that is being retrained keeps its active model.

    Raises:
        ConflictError: No category is unfinished.
        NotFoundError: The run does not train the category.
    """
    with store.write(durable=True):
        chosen = {c.id: c for c in _unfinished(store, run, key, subtree, "cancelled")}
        by_id = {c.id: c for c in run_categories(store, run.id)}
        for category in list(chosen.values()):
            chosen |= {id_: by_id[id_] for id_ in waiting_below(store, category.id)}
        for category in chosen.values():
            cancel_category(store, category.id)
            set_held(store, category.id, held=False)
        settle_run(store, run.id)
    return list(chosen.values())


def chosen_categories(store: Store, run: Run, key: str, *, subtree: bool) -> list[RunCategory]:
    """A category of a run or its subtree, in training order.

    Categories that share a model are always returned together, the owner category first.

    Raises:
        NotFoundError: The run does not train the category.
    """
    all_categories = run_categories(store, run.id)
    first = next((category for category in all_categories if category.key == key), None)
    if first is None:
        raise NotFoundError(f"run {run.name!r} has no category {key!r}; ids are case-sensitive")
    chosen = {first.id: first}
    if subtree:
        for category in all_categories:
            if category.parent_id in chosen:
                chosen[category.id] = category
    owners = dict.fromkeys(category.owner_id for category in chosen.values())
    sharing = [c for owner in owners for c in all_categories if c.owner_id == owner]
    return sorted(sharing, key=lambda c: c.shared_owner_id is not None)


def _unfinished(store: Store, run: Run, key: str, subtree: bool, verb: str) -> list[RunCategory]:
    chosen = chosen_categories(store, run, key, subtree=subtree)
    unfinished = [category for category in chosen if category.state in OPEN]
    if not unfinished:
        state = chosen[0].state
        raise ConflictError(f"category {key!r} of run {run.name!r} is {state} and cannot be {verb}")
    return unfinished


def _resume(store: Store, run_category_ids: Sequence[int]) -> None:
    for run_category_id in run_category_ids:
        set_held(store, run_category_id, held=False)
        if resume_trials(store, run_category_id):
            settle(store, run_category_id)


def _state(store: Store, run: Run) -> str:
    return str(run_state(store, run.id))


def _refuse_ended(run: Run, state: str, verb: str) -> None:
    if state in ENDED:
        raise ConflictError(f"run {run.name!r} is {state} and cannot be {verb}")
