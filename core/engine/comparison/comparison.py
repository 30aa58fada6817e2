"""Comparison of runs on the same test documents, with significance tests against a baseline."""

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
class BaselineTest:
    """Significance test of a variant's difference from a baseline (variant minus baseline)."""

    baseline: str
    significance: Significance


@dataclass(frozen=True, slots=True)
class RunResult:
    """Metrics of a variant over the common categories.

    `seconds` is the worker time of the current trials. `tested` is None for the baseline of the
    comparison.
    """

    variant: RunVariant
    seconds: float
    summary: Summary
    hierarchical: PrecisionRecallF1
    f1: dict[str, float]
    tested: BaselineTest | None

    @property
    def name(self) -> str:
        """Name of the variant."""
        return self.variant.name


@dataclass(frozen=True, slots=True)
class Comparison:
    """Results of all variants on the same documents and categories.

    Attributes:
        corpus: Name of the corpus.
        documents: Number of test documents.
        ids: Keys of the common categories.
        left_out: Keys of the categories that not all runs have.
        support: Number of test documents of each category.
        runs: Results of the variants.
    """

    corpus: str
    documents: int
    ids: tuple[str, ...]
    left_out: tuple[str, ...]
    support: dict[str, int]
    runs: tuple[RunResult, ...]

    def to_json(self) -> dict[str, Any]:
        """The object that `compare --json` prints."""
        return {
            "corpus": self.corpus,
            "documents": self.documents,
            "categories": list(self.ids),
            "left_out": list(self.left_out),
            "test": TEST,
            "runs": [_to_json(result) for result in self.runs],
        }


class ComparisonBuilder:
    """Decisions of all variants on the same documents, for pairwise significance tests."""

    def __init__(
        self,
        store: Store,
        workspace: Workspace,
        variants: Sequence[RunVariant],
        device: torch.device,
        progress: Progress = lambda _done, _total: None,
    ) -> None:
        """Compute the decisions of all variants; missing scores are computed first.

        Args:
            store: The database.
            workspace: The workspace.
            variants: The variants; the first one is the baseline.
            device: Where to compute scores.
            progress: Called with the number of completed variants and their total.

        Raises:
            HTransError: The runs have different corpora or no common category, or the corpus has
                no test documents.
        """
        corpora = {variant.run.corpus for variant in variants}
        if len(corpora) > 1:
            raise HTransError(
                f"the runs have different corpora ({', '.join(sorted(corpora))}); compare runs "
                "of the same corpus"
            )
        check_test_documents(corpus_with_id(store, variants[0].run.corpus_id))
        self.variants = tuple(variants)
        run_decisions: list[Decisions] = []
        data: dict[int, RunData] = {}
        for done, variant in enumerate(variants):
            progress(done, len(variants))
            run = variant.run
            run_data = data.setdefault(run.id, RunData(store, workspace, run))
            run_decisions.append(decisions(store, run_data, device, variant.rule))
        progress(len(variants), len(variants))
        common = [key for key in run_decisions[0].ids if all(key in d.ids for d in run_decisions)]
        if not common:
            raise HTransError("the runs have no category in common")
        all_ids = {key for d in run_decisions for key in d.ids}
        self.corpus = corpora.pop()
        self.taxonomy = taxonomy_of(store, variants[0].run.corpus_id)
        self.ids = tuple(common)
        self.left_out = tuple(sorted(all_ids - set(common)))
        self._decisions = {
            variant.name: d.only(common) for variant, d in zip(variants, run_decisions, strict=True)
        }

    def of(self, name: str) -> Decisions:
        """The decisions of a variant."""
        return self._decisions[name]

    def test(self, first: str, second: str) -> Significance:
        """Test the difference of two variants, second minus first."""
        before, after = self.of(first), self.of(second)
        return paired_randomisation(before.truth, before.predicted, after.predicted)


def compare(
    store: Store, builder: ComparisonBuilder, progress: Progress = lambda _done, _total: None
) -> Comparison:
    """Evaluate all variants and test each against its baseline.

    With several seeds, runs are paired by seed (see `baseline_for`).
    """
    first = builder.of(builder.variants[0].name)
    results = []
    for done, variant in enumerate(builder.variants):
        progress(done, len(builder.variants))
        results.append(_run_result(store, builder, variant))
    progress(len(builder.variants), len(builder.variants))
    return Comparison(
        corpus=builder.corpus,
        documents=len(first.truth),
        ids=builder.ids,
        left_out=builder.left_out,
        support=dict(zip(builder.ids, first.truth.sum(axis=0).tolist(), strict=True)),
        runs=tuple(results),
    )


def _run_result(store: Store, builder: ComparisonBuilder, variant: RunVariant) -> RunResult:
    made = builder.of(variant.name)
    counts = [count(made.truth[:, i], made.predicted[:, i]) for i in range(len(made.ids))]
    baseline = baseline_for(builder.variants, variant)
    tested = None
    if baseline is not None:
        tested = BaselineTest(baseline.name, builder.test(baseline.name, variant.name))
    return RunResult(
        variant=variant,
        seconds=_seconds(store, variant.run, set(made.ids)),
        summary=summarise(counts, made.ids, builder.taxonomy),
        hierarchical=hierarchical(made.truth, made.predicted, made.ids, builder.taxonomy),
        f1={key: c.rates.f1 for key, c in zip(made.ids, counts, strict=True)},
        tested=tested,
    )


def _seconds(store: Store, run: Run, ids: set[str]) -> float:
    """Worker time of the trials that train the categories `ids`; a shared model counts once."""
    trials = trial_seconds(store, run.id)
    return sum({trial_id: seconds for key, trial_id, seconds in trials if key in ids}.values())


def _to_json(result: RunResult) -> dict[str, Any]:
    summary, tested = result.summary, result.tested
    run, settings = result.variant.run, result.variant.settings
    return {
        "name": result.name,
        "run": run.name,
        "system": run.system,
        "seed": run.seed,
        "rule": result.variant.rule.name,
        "switches": {
            "class_weights": list(settings.class_weights),
            "transfer": settings.transfer,
            "freeze": settings.freeze,
            "two_rates": settings.two_rates,
        },
        "seconds": result.seconds,
        "micro": _rates(summary.micro),
        "macro": _rates(summary.macro),
        "macro_present": _rates(summary.macro_present),
        "hierarchical": _rates(result.hierarchical),
        "levels": {
            str(level): {"micro": _rates(rates.micro), "macro": _rates(rates.macro)}
            for level, rates in summary.levels.items()
        },
        "categories": result.f1,
        "against_first": None
        if tested is None
        else {
            "than": tested.baseline,
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
