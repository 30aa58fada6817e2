"""Retrain a category or its subtree, and restore an earlier model.

The model of a category stays active until the new attempt is done. Every attempt is kept and can be
restored. A category that was trained from a model that is no longer active becomes stale. It is not
retrained automatically.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.engine.artifacts.attempt_settings import attempt_settings
from core.engine.host.devices import cpu_cores
from core.engine.host.launch import ensure_supervisor
from core.engine.monitoring.remaining_time import PlannedCategory, estimate
from core.engine.runs.steering import chosen_categories
from core.engine.trials.scheduling import refresh_stale, settle_run
from core.errors import ConflictError, HTransError, NotFoundError
from core.settings import TrainingSettings, option_of, settings_used_in
from core.systems import System, system_named
from core.workspace import Workspace
from db.attempts import add_attempt, attempts_of
from db.connection import Store
from db.run_categories import RunCategory, category_costs, run_category, update_category
from db.runs import Run, reopen_run, run_state
from db.states import ENDED, OPEN
from db.workers import present_workers

ORIGINS = ("parent", "scratch", "current")
CHANGEABLE = settings_used_in("retrain")
"""Settings that may differ between the attempts of a run; they do not change the network."""


@dataclass(frozen=True, slots=True)
class RetrainRequest:
    """A request to retrain a category or its subtree.

    Attributes:
        key: Category key.
        subtree: Retrain all categories below it too.
        origin: Where the parameters of the named category come from: "parent", "scratch" or
            "current" (its active model); None for the system's default. Categories below start
            from their retrained parents.
        changes: Settings that differ from the run's.
    """

    key: str
    subtree: bool = False
    origin: str | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)


def retrain(
    store: Store, workspace: Workspace, run: Run, request: RetrainRequest
) -> list[RunCategory]:
    """Record new attempts and start the engine.

    Returns:
        The categories to retrain, in training order.

    Raises:
        ConflictError: A category is being trained, has no positives, or lacks the model to start
            from.
        HTransError: A setting cannot be changed.
    """
    transfer = TrainingSettings.from_json(run.settings).transfer
    changes = _checked_changes(run, system_named(run.system), request.changes)
    settings = attempt_settings(run, changes)
    with store.write(durable=True):
        trainable, origin = _checked(store, run, request)
        for category in trainable:
            if category.shared_owner_id is not None:
                continue
            first = category.id == trainable[0].id
            waits = not first and transfer
            _begin_attempt(
                store,
                category,
                origin=origin if first else "parent" if transfer else "scratch",
                changes=changes,
                state="waiting" if waits else "ready",
                settings=settings,
            )
        if run_state(store, run.id) in ENDED:
            reopen_run(store, run.id)
    ensure_supervisor(store, workspace)
    return [run_category(store, category.id) for category in trainable]


@dataclass(frozen=True, slots=True)
class RetrainPlan:
    """Preview of a retraining.

    Attributes:
        categories: Number of categories to retrain.
        stale: Number of categories below them that would become stale.
        min_seconds: Estimated duration if every trial stops as early as possible.
        max_seconds: Estimated duration if no trial stops early.
    """

    categories: int
    stale: int
    min_seconds: float
    max_seconds: float


def plan_retrain(store: Store, run: Run, request: RetrainRequest) -> RetrainPlan:
    """Preview `retrain` without changes; raises the same errors."""
    system = system_named(run.system)
    transfer = TrainingSettings.from_json(run.settings).transfer
    settings = attempt_settings(run, _checked_changes(run, system, request.changes))
    trainable, _ = _checked(store, run, request)
    below = chosen_categories(store, run, request.key, subtree=True)
    stale = sum(1 for c in below if c.kept_trial_id is not None and c not in trainable)
    epochs = category_costs(store, [category.id for category in trainable])
    planned = [
        PlannedCategory(c.key, c.parent_key if transfer and index else None, epochs[c.id])
        for index, c in enumerate(trainable)
        if c.id in epochs
    ]
    workers = len(present_workers(store)) or cpu_cores()
    expected = estimate(store, planned, settings, workers, system, run)
    return RetrainPlan(len(trainable), stale if transfer else 0, expected.earliest, expected.latest)


def restore(store: Store, run: Run, key: str, attempt: int | None = None) -> RunCategory:
    """Activate the model of an earlier attempt.

    Args:
        store: The database.
        run: The run.
        key: Category key.
        attempt: Number of the attempt; None for the last one before the current attempt.

    Raises:
        ConflictError: The category is being trained.
        NotFoundError: The attempt has no model.
    """
    with store.write(durable=True):
        category = chosen_categories(store, run, key, subtree=False)[0]
        _refuse_unfinished(run, category)
        with_model = {a.attempt: a for a in attempts_of(store, category.id) if a.kept_trial_id}
        earlier = [number for number in with_model if number < category.attempt]
        wanted = attempt if attempt is not None else max(earlier, default=None)
        if wanted is None or wanted not in with_model:
            known = ", ".join(map(str, with_model)) or "none"
            name = f"attempt {wanted}" if wanted is not None else "an earlier attempt"
            raise NotFoundError(
                f"category {key!r} has no model of {name}; attempts with a model: {known}"
            )
        update_category(
            store,
            category.id,
            state="done",
            attempt=wanted,
            kept_trial_id=with_model[wanted].kept_trial_id,
        )
        refresh_stale(store, run.id)
        settle_run(store, run.id)
    return run_category(store, category.id)


def _checked(store: Store, run: Run, request: RetrainRequest) -> tuple[list[RunCategory], str]:
    """The categories to retrain, in training order, and the origin of the first one."""
    chosen = chosen_categories(store, run, request.key, subtree=request.subtree)
    if chosen[0].state == "empty":
        raise ConflictError(f"category {request.key!r} has no positives to train on")
    trainable = [category for category in chosen if category.state != "empty"]
    for category in trainable:
        _refuse_unfinished(run, category)
    transfer = TrainingSettings.from_json(run.settings).transfer
    return trainable, _origin(store, run, transfer, chosen[0], request.origin)


def _checked_changes(run: Run, system: System, changes: Mapping[str, Any]) -> str:
    unknown = [name for name in changes if name not in CHANGEABLE]
    if unknown:
        raise HTransError(
            f"{unknown[0]} cannot differ within a run; settings that can: {', '.join(CHANGEABLE)}"
        )
    for name in changes:
        if name in system.unused:
            raise HTransError(f"{option_of(name)} does not apply to the system {system.name}")
    text = json.dumps(dict(changes))
    attempt_settings(run, text)
    return text


def _refuse_unfinished(run: Run, category: RunCategory) -> None:
    if category.state in OPEN:
        raise ConflictError(
            f"category {category.key!r} of run {run.name!r} is {category.state}; wait until it "
            f"ends, or cancel it with: htrans-tui cancel {run.name} {category.key}"
        )


def _origin(
    store: Store, run: Run, transfer: bool, category: RunCategory, wanted: str | None
) -> str:
    system = system_named(run.system)
    below = category.parent_id is not None
    origin = wanted or ("parent" if transfer and below else "scratch")
    if origin not in ORIGINS:
        raise HTransError(f"--from {origin}: use one of {', '.join(ORIGINS)}")
    if origin not in system.origins:
        raise ConflictError(
            f"--from {origin}: no category of run {run.name!r} can start from it; "
            f"use --from {' or '.join(system.origins)}"
        )
    if origin == "parent" and not below:
        raise ConflictError(
            f"category {category.key!r} of run {run.name!r} is at the top: use --from scratch "
            "or current"
        )
    if origin == "parent" and category.parent_id is not None:
        parent = run_category(store, category.parent_id)
        if parent.kept_trial_id is None:
            raise ConflictError(
                f"the parent {parent.key!r} has no model to start from; retrain it first"
            )
    if origin == "current" and category.kept_trial_id is None:
        raise ConflictError(f"category {category.key!r} has no model yet; use --from scratch")
    return origin


def _begin_attempt(
    store: Store,
    category: RunCategory,
    *,
    origin: str,
    changes: str,
    state: str,
    settings: TrainingSettings,
) -> None:
    attempt = max(a.attempt for a in attempts_of(store, category.id)) + 1
    add_attempt(
        store,
        category.id,
        attempt=attempt,
        origin=origin,
        changes=changes,
        state=state,
        class_weights=settings.class_weights,
    )
    update_category(store, category.id, state=state, attempt=attempt, held=False)
