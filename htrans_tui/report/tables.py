"""Tables of a comparison as rows of text, shared by all output formats."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.engine.comparison.comparison import TEST, Comparison, RunResult
from core.engine.comparison.report import MAX_P, Change, Group, Report, Spread
from core.systems import system_named
from htrans_tui.formatting import duration

MAX_CHANGES = 10
"""Maximum number of rows for gains, and for losses, in a table of changes."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table. `right` has one letter per column, r for right-aligned; `note` is printed below."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: str
    note: str = ""


def run_metrics(comparison: Comparison) -> Table:
    """Build the table with the metrics and significance tests of every run."""
    levels = sorted(comparison.runs[0].summary.levels)
    fixed = ("run", "system", "seed", "work", "micro-F1", "p", "macro-F1", "p", "macro, present")
    header = (*fixed, *(f"level {level}" for level in levels), "hierarchical")
    return Table(
        "Runs",
        header,
        tuple(_metrics_row(run, levels) for run in comparison.runs),
        "ll" + "r" * (len(header) - 2),
        _test_note(comparison),
    )


def _metrics_row(run: RunResult, levels: list[int]) -> tuple[str, ...]:
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


def _test_note(comparison: Comparison) -> str:
    tested = [run.tested for run in comparison.runs if run.tested is not None]
    names = list(dict.fromkeys(test.baseline for test in tested))
    baseline = names[0] if len(names) == 1 else f"the run with the same seed of {', '.join(names)}"
    return (
        f"{comparison.documents:,} test documents, {len(comparison.ids)} categories. p: {TEST} "
        f"against {baseline}, two-sided; * p ≤ {MAX_P}."
    )


def p_value(value: float) -> str:
    """Format a p-value, with a star if it is at most `MAX_P`."""
    return f"{value:.4f}{'*' if value <= MAX_P else ' '}"


def per_category(comparison: Comparison) -> Table:
    """Build the table with the F1 of each category in every run."""
    runs = comparison.runs
    return Table(
        "F1 by category",
        ("category", "support", *(run.name for run in runs)),
        tuple(
            (key, f"{comparison.support[key]:,}", *(f"{run.f1[key]:.3f}" for run in runs))
            for key in comparison.ids
        ),
        "lr" + "r" * len(runs),
    )


def report_tables(report: Report) -> Iterator[Table]:
    """Yield all tables of a report, in order."""
    yield _systems(
        "Table 1: one network per category",
        report,
        report.binary,
        "Corresponds to the paper's table 1: training from scratch with class weight 1, with "
        "class-weight search, and with transfer from the parent.",
    )
    if report.others:
        yield _systems(
            f"Table 2: {report.baseline.label} compared with shared and linear models",
            report,
            report.others,
            "Corresponds to the paper's table 2; linear is not in the paper.",
        )
    if len(report.binary) > 1:
        yield _steps(report)
    yield _levels(report)
    if report.beyond:
        yield _systems(
            "Beyond the paper: other decision rules",
            report,
            report.beyond,
            "tuned: thresholds with the best validation F1; calibrated: probabilities calibrated "
            "on validation documents, threshold 0.5; up: also accepts all ancestors of an accepted "
            "category; down: rejects categories with a rejected ancestor.",
        )
    for group in report.groups[1:]:
        if group.variant.name == group.variant.run.name:
            yield _changes(report, group)
    yield run_metrics(report.comparison)


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
        "Ablation: effect of each step",
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
        f"Gains and losses: {report.baseline.label} compared with {group.label}",
        ("category", "support", group.label, report.baseline.label, "gain"),
        tuple(_change(change) for change in (*gained, *reversed(lost))),
        "lrrrr",
        f"{report.baseline.label} is better in {up} and worse in {down} of {len(changes)} "
        "categories; the table shows the largest differences.",
    )


def _change(change: Change) -> tuple[str, ...]:
    return (
        change.category,
        f"{change.support:,}",
        f"{change.before:.3f}",
        f"{change.after:.3f}",
        f"{change.gain:+.3f}",
    )


def change_line(report: Report, group: Group, count: int = 5) -> str:
    """Format the largest gains and losses of a group compared with the baseline in one line.

    Args:
        report: The report of the group.
        group: The group that is compared with the baseline.
        count: Maximum number of gains, and of losses.
    """
    changes = report.changes(report.baseline, group)
    gained = [c for c in changes[:count] if c.gain > 0]
    lost = [c for c in reversed(changes[-count:]) if c.gain < 0]

    def listed(part: Sequence[Change]) -> str:
        return ", ".join(f"{c.category} {c.gain:+.3f}" for c in part) or "none"

    name = report.baseline.label
    return f"{group.label} compared with {name}: gained {listed(gained)}; lost {listed(lost)}"


def advice_sentences(report: Report) -> list[str]:
    """Recommend a system for the corpus, with reasons, one sentence per item."""
    by_label = {group.label: group for group in report.groups}
    best = by_label[report.advice.best]
    micro = max(report.groups, key=lambda group: group.micro.mean)
    sentences = [
        f"Best macro-F1: {best.label}, {best.macro.mean:.4f}. "
        f"Best micro-F1: {micro.label}, {micro.micro.mean:.4f}."
    ]
    if report.advice.not_worse:
        sentences.append(
            f"Not significantly worse in macro-F1 than {best.label} (p > {MAX_P}): "
            f"{'; '.join(report.advice.not_worse)}."
        )
    else:
        sentences.append(f"All others are significantly worse in macro-F1 (p ≤ {MAX_P}).")
    cheapest = by_label[report.advice.cheapest]
    if cheapest is best:
        sentences.append(f"Use {best.label}: no system of this quality needs less worker time.")
    elif cheapest.seconds == best.seconds:
        sentences.append(f"Use {cheapest.label}: same worker time, better micro-F1.")
    else:
        sentences.append(
            f"Start with {cheapest.label}, which needs the least worker time of these: "
            f"{duration(cheapest.seconds)}, {best.label} {duration(best.seconds)}."
        )
    sentences += _transfer_gain(report)
    return sentences


def _transfer_gain(report: Report) -> list[str]:
    """Compare htrans with gru-att in one sentence; an empty list if one of them is missing."""
    by_label = {group.label: group for group in report.groups}
    if not {"htrans", "gru-att"} <= set(by_label):
        return []
    transfer, scratch = by_label["htrans"], by_label["gru-att"]
    difference = transfer.macro.mean - scratch.macro.mean
    verdict = "more" if difference > 0 else "less"
    return [
        f"Transfer from the parent (htrans) gives {abs(difference):.4f} {verdict} macro-F1 than "
        f"training from scratch (gru-att): {transfer.macro.mean:.4f} compared with "
        f"{scratch.macro.mean:.4f}."
    ]


def settings_of(report: Report) -> list[tuple[str, str]]:
    """List the settings of each group that differ from the paper's."""
    settings_by_group = []
    for group in report.groups:
        run = group.variant.run
        if group.variant.name != run.name:
            continue
        paper = system_named(run.system).settings("paper", {})
        settings = group.variant.settings
        differences = [
            f"{name} {_setting(getattr(settings, name))}"
            for name in type(settings).__dataclass_fields__
            if name != "seed" and getattr(settings, name) != getattr(paper, name)
        ]
        seeds = ", ".join(str(run.variant.run.seed) for run in group.runs)
        settings_by_group.append((group.label, "; ".join([f"seeds {seeds}", *differences])))
    return settings_by_group


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
