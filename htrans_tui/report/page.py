"""A report as a self-contained HTML page with inline SVG plots."""

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
"""Pixels per unit of the axis."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a plot; `text` is the printed value."""

    label: str
    value: float
    text: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Horizontal bar chart with titled blocks of bars and an axis from `low` to `high`."""

    title: str
    blocks: tuple[tuple[str, tuple[Bar, ...]], ...]
    low: float = 0.0
    high: float = 1.0
    note: str = ""


def html_page(report: Report) -> str:
    """Render a report as an HTML page."""
    source = files("htrans_tui.report").joinpath("page.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["printable"] = printable
    tables: list[Table] = [*report_tables(report), per_category(report.comparison)]
    return environment.from_string(source).render(
        title=f"{report.comparison.corpus}: comparison of systems",
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
    """Plot the baseline's gain per category over each group with the run's own decision rule."""
    plots = []
    for group in report.groups[1:]:
        if group.variant.name != group.variant.run.name:
            continue
        bars = tuple(
            Bar(f"{c.category} ({c.support:,})", c.gain, f"{c.gain:+.3f}")
            for c in report.changes(group, report.baseline)
        )
        widest = max((abs(bar.value) for bar in bars), default=0.0) or 1.0
        plots.append(
            Plot(
                f"Gain in F1 by category: {report.baseline.label} over {group.label}",
                (("", bars),),
                -widest,
                widest,
                "Brackets: positives among the test documents.",
            )
        )
    return plots
