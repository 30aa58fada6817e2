"""What a comparison comes to: systems over their seeds, steps, gains and losses, and what to use.

The paper's tables 1 and 2 and figure 2 are parts of it (Banerjee et al. 2019, section 4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import Any

from core.engine.comparison.comparison import Compared, Comparison, ComparisonBuilder, compare
from core.engine.comparison.run_variants import RunVariant, alike
from core.metrics.decisions import rule_of
from core.systems import system_named
from db.connection import Store

LARGEST_P = 0.05
"""A difference counts as significant up to this p."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A measure over the seeds of a group."""

    mean: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Of at least one value."""
        every = list(values)
        return cls(fmean(every), min(every), max(every))


@dataclass(frozen=True, slots=True)
class Group:
    """Contenders that differ in nothing but the seed. `levels`: macro-F1 by level."""

    label: str
    runs: tuple[Compared, ...]

    @property
    def first(self) -> Compared:
        """The one with the first seed."""
        return self.runs[0]

    @property
    def contender(self) -> RunVariant:
        """The first one's."""
        return self.first.contender

    @property
    def micro(self) -> Spread:
        """Micro-F1."""
        return Spread.of(run.summary.micro.f1 for run in self.runs)

    @property
    def macro(self) -> Spread:
        """Macro-F1 over all categories."""
        return Spread.of(run.summary.macro.f1 for run in self.runs)

    @property
    def seconds(self) -> float:
        """Worker time, the mean of the seeds."""
        return fmean(run.seconds for run in self.runs)

    @property
    def levels(self) -> dict[int, float]:
        """Macro-F1 of each level, the mean of the seeds."""
        return {
            level: fmean(run.summary.levels[level].macro.f1 for run in self.runs)
            for level in self.first.summary.levels
        }

    @property
    def f1(self) -> dict[str, float]:
        """F1 of each category, the mean of the seeds."""
        return {key: fmean(run.f1[key] for run in self.runs) for key in self.first.f1}


@dataclass(frozen=True, slots=True)
class Change:
    """The F1 of one category in two groups, and its test documents."""

    category: str
    support: int
    before: float
    after: float

    @property
    def gain(self) -> float:
        """What the second has more."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Advice:
    """Which system to use on these documents.

    `best` has the highest macro-F1, `alike` are not significantly worse in it, and `cheapest` is
    the one of all these that takes the least work, of several the one with the best micro-F1. All
    are labels of groups.
    """

    best: str
    alike: tuple[str, ...]
    cheapest: str


@dataclass(frozen=True, slots=True)
class Report:
    """All that is said of a comparison. The first group is what the others are tested against."""

    comparison: Comparison
    groups: tuple[Group, ...]
    advice: Advice

    @property
    def baseline(self) -> Group:
        """The group that the others are tested against."""
        return self.groups[0]

    @property
    def binary(self) -> tuple[Group, ...]:
        """A network for each category, decided as in the paper: table 1."""
        return tuple(g for g in self._as_trained if _is_binary(g))

    @property
    def others(self) -> tuple[Group, ...]:
        """The baseline against models for all categories and linear ones: table 2."""
        others = tuple(g for g in self._as_trained if not _is_binary(g) and g is not self.baseline)
        return (self.baseline, *others) if others else ()

    @property
    def beyond(self) -> tuple[Group, ...]:
        """What decides in another way than its run, each after the group that it comes from."""
        found: list[Group] = []
        for group in self._as_trained:
            variants = [g for g in self.groups if _plain(g) == _plain(group) and g is not group]
            found += [group, *variants] if variants else []
        return tuple(found)

    @property
    def _as_trained(self) -> tuple[Group, ...]:
        return tuple(g for g in self.groups if g.contender.name == g.contender.run.name)

    def changes(self, before: Group, after: Group) -> list[Change]:
        """Every category in two groups, the largest gain first."""
        support, old, new = self.comparison.support, before.f1, after.f1
        every = [Change(key, support[key], old[key], new[key]) for key in self.comparison.ids]
        return sorted(every, key=lambda change: -change.gain)

    def to_json(self) -> dict[str, Any]:
        """As a JSON object: what `compare --json` prints, and what is made of it."""
        return {
            **self.comparison.to_json(),
            "groups": [
                {
                    "label": group.label,
                    "runs": [run.name for run in group.runs],
                    "seeds": [run.contender.run.seed for run in group.runs],
                    "micro_f1": _spread(group.micro),
                    "macro_f1": _spread(group.macro),
                    "levels": {str(level): value for level, value in group.levels.items()},
                    "seconds": group.seconds,
                }
                for group in self.groups
            ],
            "advice": {
                "best": self.advice.best,
                "not_significantly_worse": list(self.advice.alike),
                "cheapest": self.advice.cheapest,
            },
        }


def make_report(
    store: Store,
    arena: ComparisonBuilder,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Report:
    """Compare the contenders and say what it comes to."""
    comparison = compare(store, arena, progress)
    groups: list[list[Compared]] = []
    for run in comparison.runs:
        its = next((g for g in groups if alike(g[0].contender, run.contender)), None)
        if its is None:
            groups.append([run])
        else:
            its.append(run)
    labels = _labels([group[0].contender for group in groups])
    named = tuple(Group(label, tuple(g)) for label, g in zip(labels, groups, strict=True))
    return Report(comparison, named, advise(named, partial(_is_worse, arena)))


def label_of(contender: RunVariant) -> str:
    """The system, the switches that differ from it, and the way to decide if it is not its own."""
    run, settings = contender.run, contender.settings
    usual = system_named(run.system).settings("paper", {})
    parts = [run.system]
    if len(usual.class_weights) > 1 and len(settings.class_weights) == 1:
        parts.append(f"class weight {settings.class_weights[0]:g}")
    for name, on, off in (
        ("transfer", "transfer", "no transfer"),
        ("freeze", "frozen embeddings", "trained embeddings"),
        ("two_rates", "two rates", "one rate"),
    ):
        if getattr(settings, name) != getattr(usual, name):
            parts.append(on if getattr(settings, name) else off)
    always = rule_of(usual).name.split("+")
    beyond = [word for word in contender.rule.name.split("+") if word not in always]
    return ", ".join(parts) + (f" + {'+'.join(beyond)}" if beyond else "")


def _labels(contenders: Sequence[RunVariant]) -> list[str]:
    """A label for each; where two are alike, the run's name is added."""
    labels = [label_of(contender) for contender in contenders]
    return [
        f"{label} ({contender.name})" if labels.count(label) > 1 else label
        for label, contender in zip(labels, contenders, strict=True)
    ]


def advise(groups: Sequence[Group], is_worse: Callable[[Group, Group], bool]) -> Advice:
    """Which of these systems to use; `is_worse` says whether the second is worse than the first."""
    best = max(groups, key=lambda group: group.macro.mean)
    others = [g for g in groups if g is not best and not is_worse(best, g)]
    # Ways to decide of one run take the same work; then micro-F1 decides.
    cheapest = min((best, *others), key=lambda group: (group.seconds, -group.micro.mean))
    return Advice(best.label, tuple(group.label for group in others), cheapest.label)


def _is_worse(arena: ComparisonBuilder, best: Group, group: Group) -> bool:
    """Whether macro-F1 is significantly lower with every seed that both have."""
    by_seed = {run.contender.run.seed: run.name for run in best.runs}
    pairs = [
        (by_seed[run.contender.run.seed], run.name)
        for run in group.runs
        if run.contender.run.seed in by_seed
    ] or [(best.first.name, group.first.name)]
    tests = [arena.test(*pair) for pair in pairs]
    return all(test.macro < 0 and test.p_macro <= LARGEST_P for test in tests)


def _is_binary(group: Group) -> bool:
    system = system_named(group.contender.run.system)
    return not system.shared_model and system.document_form == "tokens"


def _plain(group: Group) -> str:
    return group.contender.run.name


def _spread(spread: Spread) -> dict[str, float]:
    return {"mean": spread.mean, "least": spread.least, "most": spread.most}
