"""Runs over the same documents side by side, each tested against one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from core.engine.artifacts.run_data import RunData
from core.engine.comparison.run_variants import RunVariant, baseline_for, check_test_documents
from core.engine.scoring.evaluation import Decisions, decisions
from core.errors import HTransError
from core.metrics.precision_recall import PrecisionRecallF1, Summary, count, hierarchical, summarise
from core.metrics.significance import Significance, paired_randomisation
from core.progress import Progress
from core.workspace import Workspace
from db.connection import Store
from db.corpora import corpus_with_id, taxonomy_of
from db.runs import Run
from db.trials import trial_seconds

TEST = "paired approximate randomisation over documents"


@dataclass(frozen=True, slots=True)
class Tested:
    """How a contender differs from another, `than`: the second minus the first."""

    than: str
    significance: Significance


@dataclass(frozen=True, slots=True)
class Compared:
    """A contender's measures over the categories that all have.

    `seconds` is the worker time of the trials that count now. `tested` is None for the contender
    that the others are tested against.
    """

    contender: RunVariant
    seconds: float
    summary: Summary
    hierarchical: PrecisionRecallF1
    f1: dict[str, float]
    tested: Tested | None

    @property
    def name(self) -> str:
        """The contender's."""
        return self.contender.name


@dataclass(frozen=True, slots=True)
class Comparison:
    """Runs over `documents` test documents and the categories `ids`; `left_out` are in some only.

    `support` counts the test documents of each category.
    """

    corpus: str
    documents: int
    ids: tuple[str, ...]
    left_out: tuple[str, ...]
    support: dict[str, int]
    runs: tuple[Compared, ...]

    def to_json(self) -> dict[str, Any]:
        """The object that `compare --json` prints."""
        return {
            "corpus": self.corpus,
            "documents": self.documents,
            "categories": list(self.ids),
            "left_out": list(self.left_out),
            "test": TEST,
            "runs": [_to_json(compared) for compared in self.runs],
        }


class ComparisonBuilder:
    """The decisions of contenders on the same documents, from which any two can be tested."""

    def __init__(
        self,
        store: Store,
        workspace: Workspace,
        contenders: Sequence[RunVariant],
        device: torch.device,
        progress: Progress = lambda _done, _total: None,
    ) -> None:
        """Score what is not scored yet.

        Raises `HTransError` for runs of different corpora, without a category in common, or of a
        corpus without test documents.
        """
        corpora = {contender.run.corpus for contender in contenders}
        if len(corpora) > 1:
            raise HTransError(
                f"the runs are of different corpora ({', '.join(sorted(corpora))}); compare runs "
                "of one"
            )
        check_test_documents(corpus_with_id(store, contenders[0].run.corpus_id))
        self.contenders = tuple(contenders)
        found: list[Decisions] = []
        data: dict[int, RunData] = {}
        for done, contender in enumerate(contenders):
            progress(done, len(contenders))
            run = contender.run
            its = data.setdefault(run.id, RunData(store, workspace, run))
            found.append(decisions(store, its, device, contender.rule))
        progress(len(contenders), len(contenders))
        common = [key for key in found[0].ids if all(key in theirs.ids for theirs in found)]
        if not common:
            raise HTransError("the runs have no category in common")
        every = {key for theirs in found for key in theirs.ids}
        self.corpus = corpora.pop()
        self.taxonomy = taxonomy_of(store, contenders[0].run.corpus_id)
        self.ids = tuple(common)
        self.left_out = tuple(sorted(every - set(common)))
        self._decisions = {
            contender.name: theirs.only(common)
            for contender, theirs in zip(contenders, found, strict=True)
        }

    def of(self, name: str) -> Decisions:
        """The decisions of a contender."""
        return self._decisions[name]

    def test(self, first: str, second: str) -> Significance:
        """How the second contender differs from the first."""
        before, after = self.of(first), self.of(second)
        return paired_randomisation(before.truth, before.predicted, after.predicted)


def compare(
    store: Store, arena: ComparisonBuilder, progress: Progress = lambda _done, _total: None
) -> Comparison:
    """Measure all contenders and test each against the first, or the first's like of its own seed.

    Two seeds of two systems are so compared seed by seed.
    """
    first = arena.of(arena.contenders[0].name)
    compared = []
    for done, contender in enumerate(arena.contenders):
        progress(done, len(arena.contenders))
        compared.append(_compared(store, arena, contender))
    progress(len(arena.contenders), len(arena.contenders))
    return Comparison(
        corpus=arena.corpus,
        documents=len(first.truth),
        ids=arena.ids,
        left_out=arena.left_out,
        support=dict(zip(arena.ids, first.truth.sum(axis=0).tolist(), strict=True)),
        runs=tuple(compared),
    )


def _compared(store: Store, arena: ComparisonBuilder, contender: RunVariant) -> Compared:
    theirs = arena.of(contender.name)
    counts = [count(theirs.truth[:, i], theirs.predicted[:, i]) for i in range(len(theirs.ids))]
    against = baseline_for(arena.contenders, contender)
    tested = None
    if against is not None:
        tested = Tested(against.name, arena.test(against.name, contender.name))
    return Compared(
        contender=contender,
        seconds=_seconds(store, contender.run, set(theirs.ids)),
        summary=summarise(counts, theirs.ids, arena.taxonomy),
        hierarchical=hierarchical(theirs.truth, theirs.predicted, theirs.ids, arena.taxonomy),
        f1={key: c.rates.f1 for key, c in zip(theirs.ids, counts, strict=True)},
        tested=tested,
    )


def _seconds(store: Store, run: Run, ids: set[str]) -> float:
    """Worker time of the trials that train the categories `ids`; a shared model counts once."""
    trials = trial_seconds(store, run.id)
    return sum({trial_id: seconds for key, trial_id, seconds in trials if key in ids}.values())


def _to_json(compared: Compared) -> dict[str, Any]:
    summary, tested = compared.summary, compared.tested
    run, settings = compared.contender.run, compared.contender.settings
    return {
        "name": compared.name,
        "run": run.name,
        "system": run.system,
        "seed": run.seed,
        "rule": compared.contender.rule.name,
        "switches": {
            "class_weights": list(settings.class_weights),
            "transfer": settings.transfer,
            "freeze": settings.freeze,
            "two_rates": settings.two_rates,
        },
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
        if tested is None
        else {
            "than": tested.than,
            "micro_f1": tested.significance.micro,
            "macro_f1": tested.significance.macro,
            "p_micro": tested.significance.p_micro,
            "p_macro": tested.significance.p_macro,
            "documents": tested.significance.documents,
            "shuffles": tested.significance.shuffles,
        },
    }


def _rates(rates: PrecisionRecallF1) -> dict[str, float]:
    return {"precision": rates.precision, "recall": rates.recall, "f1": rates.f1}
