"""Variants of runs (a run with a decision rule), and the baseline of each in a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.errors import HTransError, NotFoundError
from core.metrics.decisions import DecisionRule, rule_of, with_rule
from core.settings import TrainingSettings
from db.connection import Store
from db.corpora import Corpus
from db.runs import Run, run_named


@dataclass(frozen=True, slots=True)
class RunVariant:
    """A run with a decision rule; the name is `RUN` or, with another rule, `RUN+tuned`."""

    name: str
    run: Run
    rule: DecisionRule

    @property
    def settings(self) -> TrainingSettings:
        """The settings of the run."""
        return TrainingSettings.from_json(self.run.settings)


def variant_named(store: Store, text: str | None) -> RunVariant:
    """The variant with this name: `RUN`, `RUN+tuned`, `RUN+calibrated`, `RUN+up`, and so on.

    Args:
        store: The database.
        text: Name of a variant; None for the newest run.

    Raises:
        NotFoundError: The run does not exist.
        HTransError: The decision rule is unknown.
    """
    if text is None:
        text = run_named(store, None).name
    parts = text.split("+")
    # The name of a run may contain "+", so the longest match is used.
    for length in range(len(parts), 0, -1):
        try:
            run = run_named(store, "+".join(parts[:length]))
        except NotFoundError:
            continue
        rule = rule_of(TrainingSettings.from_json(run.settings))
        words = "+".join(parts[length:])
        return RunVariant(text, run, with_rule(rule, words) if words else rule)
    return RunVariant(text, run_named(store, text), DecisionRule())


def check_test_documents(corpus: Corpus) -> None:
    """Raise `HTransError` if a corpus has no test documents."""
    if not corpus.test:
        raise HTransError(
            f"the corpus {corpus.name!r} has no test documents to compare runs on; import it again "
            "with --test SOURCE or a split"
        )


def baseline_for(variants: Sequence[RunVariant], variant: RunVariant) -> RunVariant | None:
    """Baseline of the significance test of a variant.

    It is the run of the first variant's configuration with this variant's seed, or the first
    variant if there is none. None for the first variant.
    """
    first = variants[0]
    if variant is first:
        return None
    return next(
        (
            other
            for other in variants
            if same_config(other, first)
            and other.run.seed == variant.run.seed
            and not same_config(variant, first)
        ),
        first,
    )


def same_config(first: RunVariant, second: RunVariant) -> bool:
    """Whether two variants differ in the seed only."""
    return (
        first.run.system == second.run.system
        and first.rule == second.rule
        and _without_seed(first.settings) == _without_seed(second.settings)
    )


def _without_seed(settings: TrainingSettings) -> TrainingSettings:
    # The name of the run in `weights_from` also depends on the seed.
    return replace(settings, seed=0, weights_from="")
