"""Report on a comparison: systems grouped over seeds, gains by category, and a recommendation.

It includes tables 1 and 2 and figure 2 of the paper (Banerjee et al. 2019, section 4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import Any

from core.engine.comparison.comparison import Comparison, ComparisonBuilder, RunResult, compare
from core.engine.comparison.run_variants import RunVariant, same_config
from core.metrics.decisions import rule_of
from core.systems import system_named
from db.connection import Store

MAX_P = 0.05
"""Significance level of the tests."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and range of a metric over the seeds of a group."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """The spread of one or more values."""
        all_values = list(values)
        return cls(fmean(all_values), min(all_values), max(all_values))


@dataclass(frozen=True, slots=True)
class Group:
    """Variants that differ in the seed only."""

    label: str
    runs: tuple[RunResult, ...]

    @property
    def first(self) -> RunResult:
        """The result of the first seed."""
        return self.runs[0]

    @property
    def variant(self) -> RunVariant:
        """The variant of the first seed."""
        return self.first.variant

    @property
    def micro(self) -> Spread:
        """Micro-F1 over the seeds."""
        return Spread.of(run.summary.micro.f1 for run in self.runs)

    @property
    def macro(self) -> Spread:
        """Macro-F1 over the seeds."""
        return Spread.of(run.summary.macro.f1 for run in self.runs)

    @property
    def seconds(self) -> float:
        """Worker time in seconds, the mean over the seeds."""
        return fmean(run.seconds for run in self.runs)

    @property
    def levels(self) -> dict[int, float]:
        """Macro-F1 by level, the mean over the seeds."""
        return {
            level: fmean(run.summary.levels[level].macro.f1 for run in self.runs)
            for level in self.first.summary.levels
        }

    @property
    def f1(self) -> dict[str, float]:
        """F1 by category, the mean over the seeds."""
        return {key: fmean(run.f1[key] for run in self.runs) for key in self.first.f1}


@dataclass(frozen=True, slots=True)
class Change:
    """F1 of a category in two groups, and its number of test documents."""

    category: str
    support: int
    before: float
    after: float

    @property
    def gain(self) -> float:
        """F1 of the second group minus F1 of the first."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Advice:
    """Recommendation of a system, as labels of groups.

    `best` has the highest macro-F1. `not_worse` are not significantly worse. `cheapest` has the
    lowest worker time among these; ties go to the better micro-F1.
    """

    best: str
    not_worse: tuple[str, ...]
    cheapest: str


@dataclass(frozen=True, slots=True)
class Report:
    """A comparison with its groups and a recommendation. The first group is the baseline."""

    comparison: Comparison
    groups: tuple[Group, ...]
    advice: Advice

    @property
    def baseline(self) -> Group:
        """The group of the baseline."""
        return self.groups[0]

    @property
    def binary(self) -> tuple[Group, ...]:
        """Table 1: systems with one network per category and the decision rule of their run."""
        return tuple(g for g in self._as_trained if _is_binary(g))

    @property
    def others(self) -> tuple[Group, ...]:
        """Table 2: the baseline, shared models, DGCNN and linear models."""
        others = tuple(g for g in self._as_trained if not _is_binary(g) and g is not self.baseline)
        return (self.baseline, *others) if others else ()

    @property
    def beyond(self) -> tuple[Group, ...]:
        """Groups with other decision rules, each after the group with the rule of its run."""
        groups: list[Group] = []
        for group in self._as_trained:
            name = group.variant.run.name
            variants = [g for g in self.groups if g.variant.run.name == name and g is not group]
            groups += [group, *variants] if variants else []
        return tuple(groups)

    @property
    def _as_trained(self) -> tuple[Group, ...]:
        return tuple(g for g in self.groups if g.variant.name == g.variant.run.name)

    def changes(self, before: Group, after: Group) -> list[Change]:
        """The F1 of every category in two groups, sorted by gain, largest first."""
        support, old, new = self.comparison.support, before.f1, after.f1
        changes = [Change(key, support[key], old[key], new[key]) for key in self.comparison.ids]
        return sorted(changes, key=lambda change: -change.gain)

    def to_json(self) -> dict[str, Any]:
        """The object of `Comparison.to_json` with groups and recommendation."""
        return {
            **self.comparison.to_json(),
            "groups": [
                {
                    "label": group.label,
                    "runs": [run.name for run in group.runs],
                    "seeds": [run.variant.run.seed for run in group.runs],
                    "micro_f1": _spread(group.micro),
                    "macro_f1": _spread(group.macro),
                    "levels": {str(level): value for level, value in group.levels.items()},
                    "seconds": group.seconds,
                }
                for group in self.groups
            ],
            "advice": {
                "best": self.advice.best,
                "not_significantly_worse": list(self.advice.not_worse),
                "cheapest": self.advice.cheapest,
            },
        }


def make_report(
    store: Store,
    builder: ComparisonBuilder,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Report:
    """Compare the variants and make the report."""
    comparison = compare(store, builder, progress)
    groups: list[list[RunResult]] = []
    for run in comparison.runs:
        group = next((g for g in groups if same_config(g[0].variant, run.variant)), None)
        if group is None:
            groups.append([run])
        else:
            group.append(run)
    labels = _labels([group[0].variant for group in groups])
    named = tuple(Group(label, tuple(g)) for label, g in zip(labels, groups, strict=True))
    return Report(comparison, named, advise(named, partial(_is_worse, builder)))


def label_of(variant: RunVariant) -> str:
    """The system, the settings that differ from its defaults, and a decision rule of the variant.

    For example "htrans, trained embeddings + tuned".
    """
    run, settings = variant.run, variant.settings
    defaults = system_named(run.system).settings("paper", {})
    parts = [run.system]
    if len(defaults.class_weights) > 1 and len(settings.class_weights) == 1:
        parts.append(f"class weight {settings.class_weights[0]:g}")
    for name, on, off in (
        ("transfer", "transfer", "no transfer"),
        ("freeze", "frozen embeddings", "trained embeddings"),
        ("two_rates", "two rates", "one rate"),
    ):
        if getattr(settings, name) != getattr(defaults, name):
            parts.append(on if getattr(settings, name) else off)
    default_rule = rule_of(defaults).name.split("+")
    changed_rule = [word for word in variant.rule.name.split("+") if word not in default_rule]
    return ", ".join(parts) + (f" + {'+'.join(changed_rule)}" if changed_rule else "")


def _labels(variants: Sequence[RunVariant]) -> list[str]:
    """A label for each variant; equal labels get the name of the variant."""
    labels = [label_of(variant) for variant in variants]
    return [
        f"{label} ({variant.name})" if labels.count(label) > 1 else label
        for label, variant in zip(labels, variants, strict=True)
    ]


def advise(groups: Sequence[Group], is_worse: Callable[[Group, Group], bool]) -> Advice:
    """Recommend a system.

    Args:
        groups: The systems.
        is_worse: Whether the second group is significantly worse than the first.
    """
    best = max(groups, key=lambda group: group.macro.mean)
    others = [g for g in groups if g is not best and not is_worse(best, g)]
    # Variants of one run have the same worker time, so micro-F1 breaks the tie.
    cheapest = min((best, *others), key=lambda group: (group.seconds, -group.micro.mean))
    return Advice(best.label, tuple(group.label for group in others), cheapest.label)


def _is_worse(builder: ComparisonBuilder, best: Group, group: Group) -> bool:
    """Whether macro-F1 is significantly lower with every common seed."""
    by_seed = {run.variant.run.seed: run.name for run in best.runs}
    pairs = [
        (by_seed[run.variant.run.seed], run.name)
        for run in group.runs
        if run.variant.run.seed in by_seed
    ] or [(best.first.name, group.first.name)]
    tests = [builder.test(*pair) for pair in pairs]
    return all(test.macro < 0 and test.p_macro <= MAX_P for test in tests)


def _is_binary(group: Group) -> bool:
    system = system_named(group.variant.run.system)
    return not system.shared_model and system.document_form == "tokens"


def _spread(spread: Spread) -> dict[str, float]:
    return {"mean": spread.mean, "least": spread.low, "most": spread.high}
