"""Runs over the same documents side by side, each tested against the first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from core.engine.evaluation import Decisions, decisions
from core.engine.run_data import RunData
from core.errors import HTransError
from core.metrics import Rates, Summary, count, hierarchical, summarise
from core.significance import Significance, paired_randomisation
from core.workspace import Workspace
from db.connection import Store
from db.corpora import taxonomy_of
from db.runs import Run

TEST = "paired approximate randomisation over documents"


@dataclass(frozen=True, slots=True)
class ComparedRun:
    """A run's measures over the categories that all compared runs have.

    `seconds` is the worker time of the trials of those categories that count now. `against_first`
    is None for the first.
    """

    run: Run
    seconds: float
    summary: Summary
    hierarchical: Rates
    f1: dict[str, float]
    against_first: Significance | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs over `documents` test documents and the categories `ids`; `left_out` are in some only.

    `support` counts the test documents of each category.
    """

    documents: int
    ids: tuple[str, ...]
    left_out: tuple[str, ...]
    support: dict[str, int]
    runs: tuple[ComparedRun, ...]

    def to_json(self) -> dict[str, Any]:
        """The object that `compare --json` prints."""
        return {
            "documents": self.documents,
            "categories": list(self.ids),
            "left_out": list(self.left_out),
            "test": TEST,
            "runs": [_to_json(compared) for compared in self.runs],
        }


def compare(
    store: Store,
    workspace: Workspace,
    runs: Sequence[Run],
    device: torch.device,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Comparison:
    """Compare runs on the test documents; the first is what the others are tested against.

    Raises `HTransError` for runs of different corpora, or without a category in common.
    """
    corpora = {run.corpus for run in runs}
    if len(corpora) > 1:
        raise HTransError(
            f"the runs are of different corpora ({', '.join(sorted(corpora))}); compare runs of one"
        )
    found: list[Decisions] = []
    for done, run in enumerate(runs):
        progress(done, len(runs))
        found.append(decisions(store, RunData(store, workspace, run), device))
    progress(len(runs), len(runs))
    every = {category for of_run in found for category in of_run.ids}
    common = tuple(c for c in found[0].ids if all(c in of_run.ids for of_run in found))
    if not common:
        raise HTransError("the runs have no category in common")
    chosen = [of_run.only(common) for of_run in found]
    first = chosen[0]
    return Comparison(
        documents=len(first.truth),
        ids=common,
        left_out=tuple(sorted(every - set(common))),
        support=dict(zip(common, first.truth.sum(axis=0).tolist(), strict=True)),
        runs=tuple(
            _compared(store, run, theirs, None if theirs is first else first)
            for run, theirs in zip(runs, chosen, strict=True)
        ),
    )


def _compared(store: Store, run: Run, theirs: Decisions, first: Decisions | None) -> ComparedRun:
    taxonomy = taxonomy_of(store, run.corpus_id)
    counts = [count(theirs.truth[:, i], theirs.predicted[:, i]) for i in range(len(theirs.ids))]
    against = None
    if first is not None:
        against = paired_randomisation(first.truth, first.predicted, theirs.predicted)
    return ComparedRun(
        run=run,
        seconds=_seconds(store, run, set(theirs.ids)),
        summary=summarise(counts, theirs.ids, taxonomy),
        hierarchical=hierarchical(theirs.truth, theirs.predicted, theirs.ids, taxonomy),
        f1={key: c.rates.f1 for key, c in zip(theirs.ids, counts, strict=True)},
        against_first=against,
    )


def _seconds(store: Store, run: Run, ids: set[str]) -> float:
    rows = store.rows(
        "SELECT c.key, sum(t.seconds) AS seconds FROM trials t "
        "JOIN run_categories rc ON rc.id = t.run_category_id AND rc.attempt = t.attempt "
        "JOIN categories c ON c.id = rc.category_id WHERE rc.run_id = ? GROUP BY rc.id",
        (run.id,),
    )
    return sum(float(row["seconds"]) for row in rows if row["key"] in ids)


def _to_json(compared: ComparedRun) -> dict[str, Any]:
    summary, against = compared.summary, compared.against_first
    return {
        "name": compared.run.name,
        "system": compared.run.system,
        "seed": compared.run.seed,
        "seconds": compared.seconds,
        "micro": _rates(summary.micro),
        "macro": _rates(summary.macro),
        "macro_present": _rates(summary.macro_present),
        "hierarchical": _rates(compared.hierarchical),
        "levels": {
            str(level): {"micro": _rates(rates.micro), "macro": _rates(rates.macro)}
            for level, rates in summary.levels.items()
        },
        "categories": compared.f1,
        "against_first": None
        if against is None
        else {
            "micro_f1": against.micro,
            "macro_f1": against.macro,
            "p_micro": against.p_micro,
            "p_macro": against.p_macro,
            "documents": against.documents,
            "shuffles": against.shuffles,
        },
    }


def _rates(rates: Rates) -> dict[str, float]:
    return {"precision": rates.precision, "recall": rates.recall, "f1": rates.f1}
