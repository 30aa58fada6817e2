"""The tables of a comparison, as rows of text that every output prints in its own way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.engine.comparison.comparison import TEST, Comparison, RunResult
from core.engine.comparison.report import MAX_P, Change, Group, Report, Spread
from core.systems import system_named
from htrans_tui.formatting import duration

MAX_CHANGES = 10
"""Categories that gained or lost most, in a table."""


@dataclass(frozen=True, slots=True)
class Table:
    """`right` has an r for each column that is aligned to the right; `note` is a sentence below."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: str
    note: str = ""


def measures(found: Comparison) -> Table:
    """Every run with its measures and tests."""
    levels = sorted(found.runs[0].summary.levels)
    fixed = ("run", "system", "seed", "work", "micro-F1", "p", "macro-F1", "p", "macro, present")
    header = (*fixed, *(f"level {level}" for level in levels), "hierarchical")
    return Table(
        "Runs",
        header,
        tuple(_measured(run, levels) for run in found.runs),
        "ll" + "r" * (len(header) - 2),
        _tests(found),
    )


def _measured(run: RunResult, levels: list[int]) -> tuple[str, ...]:
    summary = run.summary
    return (
        run.name,
        run.variant.run.system,
        str(run.variant.run.seed),
        duration(run.seconds),
        f"{summary.micro.f1:.4f}",
        "" if run.tested is None else p_value(run.tested.significance.p_micro),
        f"{summary.macro.f1:.4f}",
        "" if run.tested is None else p_value(run.tested.significance.p_macro),
        f"{summary.macro_present.f1:.4f}",
        *(f"{summary.levels[level].macro.f1:.4f}" for level in levels),
        f"{run.hierarchical.f1:.4f}",
    )


def _tests(found: Comparison) -> str:
    than = list(dict.fromkeys(run.tested.baseline for run in found.runs if run.tested is not None))
    against = than[0] if len(than) == 1 else f"the run of the same seed of {', '.join(than)}"
    return (
        f"{found.documents:,} test documents, {len(found.ids)} categories. p: {TEST} against "
        f"{against}, two-sided; * at most {MAX_P}."
    )


def p_value(value: float) -> str:
    """A p with a star if it is significant."""
    return f"{value:.4f}{'*' if value <= MAX_P else ' '}"


def per_category(found: Comparison) -> Table:
    """The F1 of each category in every run."""
    return Table(
        "F1 by category",
        ("category", "support", *(run.name for run in found.runs)),
        tuple(
            (key, f"{found.support[key]:,}", *(f"{run.f1[key]:.3f}" for run in found.runs))
            for key in found.ids
        ),
        "lr" + "r" * len(found.runs),
    )


def report_tables(report: Report) -> Iterator[Table]:
    """All tables of a report, in order."""
    yield _systems(
        "Table 1: a network for each category",
        report,
        report.binary,
        "As in the paper's table 1: from scratch with class weight 1, with the class weight "
        "searched, and with transfer from the parent.",
    )
    if report.others:
        yield _systems(
            f"Table 2: {report.baseline.label} against one model for all, and linear models",
            report,
            report.others,
            "As in the paper's table 2; linear is not in the paper.",
        )
    if len(report.binary) > 1:
        yield _steps(report)
    yield _levels(report)
    if report.beyond:
        yield _systems(
            "Beyond the paper: other ways to decide",
            report,
            report.beyond,
            "tuned: thresholds with the best validation F1; calibrated: probabilities fitted on "
            "validation, accepted from 0.5; up: ancestors of what is accepted are accepted too; "
            "down: what has an ancestor that is not accepted is dropped.",
        )
    for group in report.groups[1:]:
        if group.variant.name == group.variant.run.name:
            yield _changes(report, group)
    yield measures(report.comparison)


def _systems(title: str, report: Report, groups: Sequence[Group], note: str) -> Table:
    header = ("system", "seeds", "micro P", "R", "F1", "p", "macro P", "R", "F1", "p", "hier.")
    return Table(
        title,
        (*header, "work"),
        tuple(_system(report, group) for group in groups),
        "l" + "r" * len(header),
        note,
    )


def _system(report: Report, group: Group) -> tuple[str, ...]:
    runs = group.runs
    micro = [run.summary.micro for run in runs]
    macro = [run.summary.macro for run in runs]
    tests = [run.tested.significance for run in runs if run.tested is not None]
    is_baseline = group is report.baseline
    return (
        group.label,
        str(len(runs)),
        _mean([rates.precision for rates in micro]),
        _mean([rates.recall for rates in micro]),
        _shown(group.micro),
        "" if is_baseline else _p_values([test.p_micro for test in tests]),
        _mean([rates.precision for rates in macro]),
        _mean([rates.recall for rates in macro]),
        _shown(group.macro),
        "" if is_baseline else _p_values([test.p_macro for test in tests]),
        _mean([run.hierarchical.f1 for run in runs]),
        duration(group.seconds),
    )


def _steps(report: Report) -> Table:
    rows = []
    for group in sorted(report.binary, key=_switched_on):
        settings = group.variant.settings
        weights = settings.class_weights
        searched = ",".join(f"{weight:g}" for weight in weights)
        rows.append(
            (
                group.label,
                searched if len(weights) > 1 else f"fixed: {searched}",
                _yes(settings.transfer),
                _yes(settings.transfer and settings.two_rates),
                _yes(settings.freeze),
                _shown(group.micro),
                _shown(group.macro),
            )
        )
    header = ("system", "class weights", "transfer", "two rates", "frozen", "micro-F1", "macro-F1")
    return Table(
        "Ablation: what each step does",
        header,
        tuple(rows),
        "lllllrr",
        "frozen: word embeddings are trained at the top level only.",
    )


def _switched_on(group: Group) -> int:
    settings = group.variant.settings
    switches = (settings.transfer, settings.two_rates, settings.freeze)
    return sum(switches) + (len(settings.class_weights) > 1)


def _levels(report: Report) -> Table:
    levels = sorted(report.baseline.levels)
    return Table(
        "Figure 2: macro-F1 by level",
        ("system", *(f"level {level}" for level in levels)),
        tuple(
            (group.label, *(f"{group.levels[level]:.4f}" for level in levels))
            for group in report.groups
        ),
        "l" + "r" * len(levels),
    )


def _changes(report: Report, group: Group) -> Table:
    changes = report.changes(group, report.baseline)
    gained = [c for c in changes if c.gain > 0][:MAX_CHANGES]
    lost = [c for c in reversed(changes) if c.gain < 0][:MAX_CHANGES]
    up, down = (sum(1 for c in changes if sign * c.gain > 0) for sign in (1, -1))
    return Table(
        f"Gains and losses: {report.baseline.label} against {group.label}",
        ("category", "support", group.label, report.baseline.label, "gain"),
        tuple(_change(change) for change in (*gained, *reversed(lost))),
        "lrrrr",
        f"{report.baseline.label} is better in {up} and worse in {down} of {len(changes)} "
        "categories; the largest differences are shown.",
    )


def _change(change: Change) -> tuple[str, ...]:
    return (
        change.category,
        f"{change.support:,}",
        f"{change.before:.3f}",
        f"{change.after:.3f}",
        f"{change.gain:+.3f}",
    )


def change_line(report: Report, group: Group, number: int = 5) -> str:
    """The categories in which a group gained and lost most against the baseline, in one line."""
    changes = report.changes(report.baseline, group)
    gained = [c for c in changes[:number] if c.gain > 0]
    lost = [c for c in reversed(changes[-number:]) if c.gain < 0]

    def said(some: Sequence[Change]) -> str:
        return ", ".join(f"{c.category} {c.gain:+.3f}" for c in some) or "none"

    than = report.baseline.label
    return f"{group.label} against {than}: gained {said(gained)}; lost {said(lost)}"


def advice_sentences(report: Report) -> list[str]:
    """Which system to use on these documents, and why."""
    by_label = {group.label: group for group in report.groups}
    best = by_label[report.advice.best]
    micro = max(report.groups, key=lambda group: group.micro.mean)
    said = [
        f"Best macro-F1: {best.label}, {best.macro.mean:.4f}. "
        f"Best micro-F1: {micro.label}, {micro.micro.mean:.4f}."
    ]
    if report.advice.not_worse:
        said.append(
            f"Not significantly worse in macro-F1 than {best.label} (p > {MAX_P}): "
            f"{'; '.join(report.advice.not_worse)}."
        )
    else:
        said.append(f"All others are significantly worse in macro-F1 (p ≤ {MAX_P}).")
    cheapest = by_label[report.advice.cheapest]
    if cheapest is best:
        said.append(f"Use {best.label}: nothing that is as good takes less work.")
    elif cheapest.seconds == best.seconds:
        said.append(f"Use {cheapest.label}: of what takes no more work it has the best micro-F1.")
    else:
        said.append(
            f"Start with {cheapest.label}: of these it takes the least work, "
            f"{duration(cheapest.seconds)} against {duration(best.seconds)} for {best.label}."
        )
    said += _of_htrans(report)
    return said


def _of_htrans(report: Report) -> list[str]:
    """Whether transfer was worth it here, where it was tried."""
    by_label = {group.label: group for group in report.groups}
    if not {"htrans", "gru-att"} <= set(by_label):
        return []
    with_it, without = by_label["htrans"], by_label["gru-att"]
    difference = with_it.macro.mean - without.macro.mean
    verdict = "more" if difference > 0 else "less"
    return [
        f"Transfer from the parent (htrans) gives {abs(difference):.4f} {verdict} macro-F1 than "
        f"training from scratch (gru-att): {with_it.macro.mean:.4f} against "
        f"{without.macro.mean:.4f}."
    ]


def settings_of(report: Report) -> list[tuple[str, str]]:
    """For each group, the settings in which it differs from the paper's."""
    found = []
    for group in report.groups:
        run = group.variant.run
        if group.variant.name != run.name:
            continue
        usual = system_named(run.system).settings("paper", {})
        settings = group.variant.settings
        differ = [
            f"{name} {_setting(getattr(settings, name))}"
            for name in type(settings).__dataclass_fields__
            if name != "seed" and getattr(settings, name) != getattr(usual, name)
        ]
        seeds = ", ".join(str(run.variant.run.seed) for run in group.runs)
        found.append((group.label, "; ".join([f"seeds {seeds}", *differ])))
    return found


def _setting(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(f"{number:g}" for number in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _shown(spread: Spread) -> str:
    if spread.low == spread.high:
        return f"{spread.mean:.4f}"
    return f"{spread.mean:.4f} ({spread.low:.3f}–{spread.high:.3f})"


def _mean(values: Sequence[float]) -> str:
    return f"{sum(values) / len(values):.4f}"


def _p_values(values: Sequence[float]) -> str:
    return " ".join(p_value(value).strip() for value in values)
