"""A report in Markdown."""

from __future__ import annotations

from core.engine.comparison.report import Report
from core.text.plain_text import printable
from htrans_tui.report.tables import Table, advice_sentences, report_tables, settings_of


def markdown_page(report: Report) -> str:
    """Render a report as Markdown: advice, tables and settings."""
    comparison = report.comparison
    parts = [
        f"# {printable(comparison.corpus)}: comparison of systems",
        f"{comparison.documents:,} test documents, {len(comparison.ids)} categories.",
        _list(advice_sentences(report)),
    ]
    for table in report_tables(report):
        parts += [f"## {printable(table.title)}", markdown_table(table)]
        if table.note:
            parts.append(printable(table.note))
    parts += [
        "## Settings",
        "Settings that are not listed have the paper's values.",
        _list([f"{label}: {text}" for label, text in settings_of(report)]),
    ]
    return "\n\n".join(parts) + "\n"


def markdown_table(table: Table) -> str:
    """Render a table in Markdown."""

    def line(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(_cell(cell) for cell in cells) + " |"

    columns = range(len(table.header))
    delimiters = tuple("---:" if table.right[i : i + 1] == "r" else "---" for i in columns)
    return "\n".join([line(table.header), line(delimiters), *map(line, table.rows)])


def _cell(text: str) -> str:
    return printable(text).strip().replace("|", "\\|")


def _list(sentences: list[str]) -> str:
    return "\n".join(f"- {printable(sentence)}" for sentence in sentences)
