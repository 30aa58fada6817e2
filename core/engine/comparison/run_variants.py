"""Runs as a comparison names them, each with a way to decide, and which are set against which."""

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
    """A run with a way to decide. Named as the run, with what is beyond its own way after a +."""

    name: str
    run: Run
    rule: DecisionRule

    @property
    def settings(self) -> TrainingSettings:
        """The settings of the run."""
        return TrainingSettings.from_json(self.run.settings)


def variant_named(store: Store, text: str | None) -> RunVariant:
    """The run of that name, or `RUN+tuned`, `RUN+calibrated`, `RUN+up`, `RUN+down`, and so on.

    None names the newest run.

    Raises `NotFoundError` for a run that does not exist, `HTransError` for another word.
    """
    if text is None:
        text = run_named(store, None).name
    parts = text.split("+")
    # A name may have a + in it, so the longest that is a run's is taken.
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
    """Raise `HTransError` for a corpus on whose documents nothing can be compared."""
    if not corpus.test:
        raise HTransError(
            f"the corpus {corpus.name!r} has no test documents to compare runs on; import it again "
            "with --test SOURCE or a split"
        )


def baseline_for(contenders: Sequence[RunVariant], contender: RunVariant) -> RunVariant | None:
    """What a contender is tested against: see `compare`. None for the first."""
    first = contenders[0]
    if contender is first:
        return None
    return next(
        (
            other
            for other in contenders
            if alike(other, first)
            and other.run.seed == contender.run.seed
            and not alike(contender, first)
        ),
        first,
    )


def alike(one: RunVariant, other: RunVariant) -> bool:
    """Whether two contenders differ in nothing but the seed."""
    return (
        one.run.system == other.run.system
        and one.rule == other.rule
        and _but_seed(one.settings) == _but_seed(other.settings)
    )


def _but_seed(settings: TrainingSettings) -> TrainingSettings:
    # The run whose class weights are taken has a seed of its own.
    return replace(settings, seed=0, weights_from="")
