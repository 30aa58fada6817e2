"""A report as one page of HTML: its plots are drawn into it, so that it opens without a network."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files

from jinja2 import Environment

from core.engine.comparison.report import Group, Report
from core.text.plain_text import printable
from htrans_tui.report.tables import (
    Table,
    advice_sentences,
    per_category,
    report_tables,
    settings_of,
)

SCALE = 460
"""Pixels that stand for a value of 1."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a plot; `value` may be negative where `low` is."""

    label: str
    value: float
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Bars under each other, in blocks with a title each; the axis goes from `low` to `high`."""

    title: str
    blocks: tuple[tuple[str, tuple[Bar, ...]], ...]
    low: float = 0.0
    high: float = 1.0
    note: str = ""


def html_page(report: Report) -> str:
    """The whole page."""
    source = files("htrans_tui.report").joinpath("page.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["printable"] = printable
    tables: list[Table] = [*report_tables(report), per_category(report.comparison)]
    return environment.from_string(source).render(
        title=f"{report.comparison.corpus}: the systems compared",
        corpus=report.comparison.corpus,
        documents=report.comparison.documents,
        categories=len(report.comparison.ids),
        left_out=report.comparison.left_out,
        advice=advice_sentences(report),
        plots=list(_plots(report)),
        tables=tables,
        settings=settings_of(report),
        scale=SCALE,
        version=version("htrans-tui"),
    )


def _plots(report: Report) -> list[Plot]:
    return [
        Plot(
            "Micro- and macro-F1",
            (
                ("micro-F1", tuple(_bar(g, g.micro.mean) for g in report.groups)),
                ("macro-F1", tuple(_bar(g, g.macro.mean) for g in report.groups)),
            ),
        ),
        Plot(
            "Macro-F1 by level (the paper's figure 2)",
            tuple(
                (f"level {level}", tuple(_bar(g, g.levels[level]) for g in report.groups))
                for level in sorted(report.baseline.levels)
            ),
        ),
        *_gains(report),
    ]


def _bar(group: Group, value: float) -> Bar:
    return Bar(group.label, value, f"{value:.4f}")


def _gains(report: Report) -> list[Plot]:
    """The gain of the baseline in each category against each group that decides as trained."""
    found = []
    for group in report.groups[1:]:
        if group.variant.name != group.variant.run.name:
            continue
        bars = tuple(
            Bar(f"{c.category} ({c.support:,})", c.gain, f"{c.gain:+.3f}")
            for c in report.changes(group, report.baseline)
        )
        widest = max((abs(bar.value) for bar in bars), default=0.0) or 1.0
        found.append(
            Plot(
                f"Gain in F1 by category: {report.baseline.label} against {group.label}",
                (("", bars),),
                -widest,
                widest,
                "In brackets the test documents that are in the category.",
            )
        )
    return found
