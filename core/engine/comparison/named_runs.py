"""Compare runs by name, for the command line and the app."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from core.engine.comparison.comparison import ComparisonBuilder
from core.engine.comparison.report import Report, make_report
from core.engine.comparison.run_variants import variant_named
from core.engine.host.torch_device import pick_device
from core.errors import HTransError
from core.progress import Progress
from core.workspace import Workspace
from db.connection import Store
from db.states import ENDED

Phase = Callable[[str], AbstractContextManager[Progress]]
"""Opens the progress display of a phase ("scoring", "testing"); its units are runs."""


@dataclass(frozen=True, slots=True)
class NamedReport:
    """A report, with notes on unfinished runs and omitted categories."""

    report: Report
    notes: tuple[str, ...]


def report_on(
    store: Store,
    workspace: Workspace,
    names: Sequence[str],
    device: str,
    phase: Phase = lambda _name: nullcontext(lambda _done, _total: None),
) -> NamedReport:
    """Compare runs on their test documents; the first is the baseline.

    Args:
        store: The workspace's database.
        workspace: The workspace of the runs.
        names: Names of runs or variants such as `RUN+tuned`; repeated names count once.
        device: Where missing scores are computed, as `--device` names it.
        phase: Called with the name of each phase to report its progress.

    Raises:
        HTransError: There are fewer than two names, or the runs cannot be compared.
    """
    distinct = list(dict.fromkeys(names))
    if len(distinct) < 2:
        raise HTransError("name at least two different runs to compare")
    variants = [variant_named(store, name) for name in distinct]
    with phase("scoring") as progress:
        comparison = ComparisonBuilder(store, workspace, variants, pick_device(device), progress)
    with phase("testing") as progress:
        report = make_report(store, comparison, progress)
    notes = [
        f"run {run.name} is {run.state}: categories without a model predict nothing"
        for run in {variant.run.name: variant.run for variant in variants}.values()
        if run.state not in ENDED
    ]
    if comparison.left_out:
        notes.append(f"{len(comparison.left_out)} categories are omitted: not all runs have them")
    return NamedReport(report, tuple(notes))
