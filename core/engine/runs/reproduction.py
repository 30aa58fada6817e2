"""The paper's comparison on any corpus: every system with every seed, and the steps between them.

Runs are known by their names, so what was interrupted goes on, and what is done is not done again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core.engine.comparison.run_variants import check_test_documents
from core.engine.runs.engine_choice import EngineRequest
from core.engine.runs.starting import ENGINE_AT_WORK, RunRequest, start_run
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
"""The systems as they are trained and shown; the first is what the others are tested against."""
STEPS: Mapping[str, Mapping[str, Any]] = {
    "transfer": {"transfer": True, "freeze": False, "two_rates": False},
    "two-rates": {"transfer": True, "freeze": False, "two_rates": True},
}
"""What lies between `gru-att` and `htrans`, one switch after the other."""
RULES = ("tuned", "calibrated", "up", "down")
"""Ways to decide beyond the paper, shown of the first system."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to reproduce, and with which settings.

    `changes` are the user's; each system takes those that mean something to it. `max_words` among
    them is for GRU-Att only, since DGCNN and linear models read whole documents. Runs are named
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
    """A run of a plan; `after` is the name of the run whose class weights it takes, if any."""

    request: RunRequest
    name: str
    after: str | None


def planned_runs(plan: Plan) -> list[Planned]:
    """All runs of a plan, seed by seed.

    Raises `HTransError` for an unknown system, or one whose class weights nothing here searches.
    """
    unknown = [name for name in plan.systems if name not in SYSTEMS]
    if unknown:
        system_named(unknown[0])
    source = next((name for name in ("gru-att", "htrans") if name in plan.systems), None)
    if "gru-att-multi-weighted" in plan.systems and source is None:
        raise HTransError(
            "--systems: gru-att-multi-weighted takes the class weights of gru-att or htrans; add "
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
    """Refuse a plan before anything is started.

    Raises `NotFoundError` for an unknown corpus, `ConflictError` for runs that exist under these
    names and are others.
    """
    for one in planned:
        check_test_documents(corpus_named(store, one.request.corpus))
        run = existing_run(store, one)
        if run is not None and run.state == "cancelled":
            raise ConflictError(
                f"run {run.name!r} was cancelled; retrain its categories, or choose another --name"
            )


def existing_run(store: Store, planned: Planned) -> Run | None:
    """The run of that name if it is the planned one; None if there is none.

    Raises `ConflictError` if it is another one.
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
        raise ConflictError(
            f"there is a run {run.name!r} with other settings; choose another --name"
        )
    return run


def _covers(store: Store, run: Run, request: RunRequest) -> bool:
    """Whether the run has all categories that were asked for."""
    return set(request.categories) <= {category.key for category in run_categories(store, run.id)}


def start_ready(
    store: Store,
    workspace: Workspace,
    planned: Sequence[Planned],
    progress: Progress = lambda _done, _total: None,
) -> tuple[list[Run], list[str]]:
    """Start every planned run that can start now and is not there; return those that exist.

    The notes are what `start_run` said of those that were started. A run that takes its class
    weights from another waits until that one is done; one whose source failed raises `HTransError`.
    """
    runs: list[Run] = []
    notes: list[str] = []
    for one in planned:
        run = existing_run(store, one)
        if run is None:
            if one.after is not None and not _is_done(store, one.after):
                continue
            run, said = start_run(store, workspace, one.request, progress)
            notes += [f"{run.name}: {note}" for note in said if note != ENGINE_AT_WORK]
        runs.append(run)
    return runs, notes


def _is_done(store: Store, name: str) -> bool:
    try:
        state = run_named(store, name).state
    except NotFoundError:
        return False
    if state in ("failed", "cancelled"):
        raise HTransError(
            f"run {name!r} ended as {state}, so there are no class weights to take from it; see: "
            f"htrans-tui status {name}"
        )
    return state == "done"
