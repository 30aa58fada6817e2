"""Reproduce the paper's comparison on a corpus: every system with every seed, and an ablation.

Runs are identified by name, so a repeated call resumes an interrupted reproduction.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.engine.comparison.run_variants import check_test_documents
from core.engine.runs.engine_choice import EngineRequest
from core.engine.runs.starting import ENGINE_RUNNING, RunRequest, start_run
from core.errors import ConflictError, HTransError, NotFoundError
from core.progress import Progress
from core.settings import TrainingSettings
from core.systems import SYSTEMS, System, system_named
from core.workspace import Workspace
from db.connection import Store
from db.corpora import corpus_named
from db.run_categories import run_categories
from db.runs import Run, run_named

ORDER = (
    "htrans",
    "gru-att",
    "gru-att-basic",
    "gru-att-multi",
    "gru-att-multi-weighted",
    "dgcnn",
    "linear",
)
"""The systems in the order of training and display; the first is the baseline."""
STEPS: Mapping[str, Mapping[str, Any]] = {
    "transfer": {"transfer": True, "freeze": False, "two_rates": False},
    "two-rates": {"transfer": True, "freeze": False, "two_rates": True},
}
"""Ablation: the settings that lead from `gru-att` to `htrans`, switched on one at a time."""
RULES = ("tuned", "calibrated", "up", "down")
"""Decision rules beyond the paper, reported for the first system."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A reproduction: corpus, systems, seeds and settings.

    `changes` are settings of the user; each system uses those that apply to it. `max_words` applies
    to GRU-Att only, because DGCNN and linear models read complete documents. Run names consist of
    `name`, system and seed.
    """

    corpus: str
    name: str
    preset: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    seeds: tuple[int, ...] = (0,)
    systems: tuple[str, ...] = ORDER
    ablation: bool = False
    vectors: str | None = None
    categories: tuple[str, ...] = ()
    engine: EngineRequest = field(default_factory=EngineRequest)


@dataclass(frozen=True, slots=True)
class Planned:
    """A run of a plan; `after` is the run whose class weights it uses, or None."""

    request: RunRequest
    name: str
    after: str | None


def planned_runs(plan: Plan) -> list[Planned]:
    """All runs of a plan, ordered by seed.

    Raises:
        HTransError: A system is unknown, or no system of the plan searches its class weights.
    """
    unknown = [name for name in plan.systems if name not in SYSTEMS]
    if unknown:
        system_named(unknown[0])
    source = next((name for name in ("gru-att", "htrans") if name in plan.systems), None)
    if "gru-att-multi-weighted" in plan.systems and source is None:
        raise HTransError(
            "--systems: gru-att-multi-weighted uses the class weights of gru-att or htrans; add "
            "one of them"
        )
    planned = []
    for seed in plan.seeds:
        for name in (name for name in ORDER if name in plan.systems):
            after = None
            if name == "gru-att-multi-weighted":
                after = f"{plan.name}-{source}-s{seed}"
            planned.append(_planned(plan, system_named(name), name, seed, {}, after))
        if plan.ablation:
            planned += [
                _planned(plan, system_named("htrans"), f"htrans-{step}", seed, changes, None)
                for step, changes in STEPS.items()
            ]
    return planned


def _planned(
    plan: Plan,
    system: System,
    label: str,
    seed: int,
    switches: Mapping[str, Any],
    after: str | None,
) -> Planned:
    name = f"{plan.name}-{label}-s{seed}"
    changes = {key: value for key, value in plan.changes.items() if key not in system.unused}
    if "max_words" in system.defaults:
        changes.pop("max_words", None)
    changes |= {**switches, "seed": seed}
    if after is not None:
        changes["weights_from"] = after
    request = RunRequest(
        corpus=plan.corpus,
        settings=system.settings(plan.preset, changes),
        name=name,
        system=system.name,
        vectors=plan.vectors if system.reads_vectors else None,
        categories=plan.categories,
        engine=plan.engine,
    )
    return Planned(request, name, after)


def check_plan(store: Store, planned: Sequence[Planned]) -> None:
    """Check a plan before a run is started.

    Raises:
        NotFoundError: The corpus does not exist.
        ConflictError: A run of a planned name exists, but with another configuration.
    """
    for planned_run in planned:
        check_test_documents(corpus_named(store, planned_run.request.corpus))
        run = existing_run(store, planned_run)
        if run is not None and run.state == "cancelled":
            raise ConflictError(
                f"run {run.name!r} was cancelled; retrain its categories, or choose another --name"
            )


def existing_run(store: Store, planned: Planned) -> Run | None:
    """The planned run if it was started, or None.

    Raises:
        ConflictError: A run of this name exists, but with another configuration.
    """
    try:
        run = run_named(store, planned.name)
    except NotFoundError:
        return None
    request = planned.request
    same = (
        run.system == request.system
        and run.corpus == request.corpus
        and TrainingSettings.from_json(run.settings) == request.settings
        and _covers(store, run, request)
    )
    if not same:
        raise ConflictError(f"run {run.name!r} exists with other settings; choose another --name")
    return run


def _covers(store: Store, run: Run, request: RunRequest) -> bool:
    """Whether the run has all requested categories."""
    return set(request.categories) <= {category.key for category in run_categories(store, run.id)}


def start_ready(
    store: Store,
    workspace: Workspace,
    planned: Sequence[Planned],
    progress: Progress = lambda _done, _total: None,
) -> tuple[list[Run], list[str]]:
    """Start every planned run that is not started and does not wait for class weights.

    Args:
        store: The database.
        workspace: The workspace.
        planned: Runs of a plan.
        progress: As in `start_run`.

    Returns:
        All planned runs that exist, and the notes of `start_run` on the new ones.

    Raises:
        HTransError: The run whose class weights a planned run needs has failed.
    """
    runs: list[Run] = []
    notes: list[str] = []
    for planned_run in planned:
        run = existing_run(store, planned_run)
        if run is None:
            if planned_run.after is not None and not _is_done(store, planned_run.after):
                continue
            run, run_notes = start_run(store, workspace, planned_run.request, progress)
            notes += [f"{run.name}: {note}" for note in run_notes if note != ENGINE_RUNNING]
        runs.append(run)
    return runs, notes


def _is_done(store: Store, name: str) -> bool:
    try:
        state = run_named(store, name).state
    except NotFoundError:
        return False
    if state in ("failed", "cancelled"):
        raise HTransError(
            f"run {name!r} is {state}, so its class weights are not available; see: "
            f"htrans-tui status {name}"
        )
    return state == "done"
