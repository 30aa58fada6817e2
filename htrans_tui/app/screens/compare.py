"""Compare: the tables of a comparison, bars by level, and the recommended system."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import DataTable, Footer, Static

from core.errors import HTransError
from core.text.plain_text import printable
from htrans_tui.app.actions import Scope, bindings_for
from htrans_tui.app.csv_files import write_csv
from htrans_tui.app.downloads import downloaded
from htrans_tui.app.screens.dialogs import TextDialog
from htrans_tui.app.screens.htrans_screen import HTransScreen
from htrans_tui.app.services import AppServices
from htrans_tui.app.subprocesses import run_python
from htrans_tui.app.widgets.sparkline import bar

_BAR_WIDTH = 20
_BAR_TABLE = "Figure 2"
"""Beginning of the title of the table that is drawn with bars."""


class CompareScreen(HTransScreen[None]):
    """Compares runs in a subprocess and shows the resulting tables."""

    SCOPE: ClassVar[Scope] = "compare"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("compare")]

    def __init__(self, services: AppServices, names: Sequence[str]) -> None:
        super().__init__(services)
        self._names = tuple(names)
        self._tables: list[dict[str, Any]] = []
        self._table_index = 0

    def compose(self) -> ComposeResult:
        """Compose title, advice, one table with its note, and footer."""
        yield Static(f" htrans-tui   compare {len(self._names)} runs", id="title", markup=False)
        yield Static(" Comparing …", id="advice", markup=False)
        yield Static("", id="table-title", markup=False)
        yield DataTable(cursor_type="row", id="comparison")
        yield Static("", id="note", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Start the comparison."""
        self.query_one("#comparison").focus()
        self.run_worker(self._compare(), group="comparison", exclusive=True)

    async def _compare(self) -> None:
        process = await run_python(
            "htrans_tui.report.service", str(self.services.workspace.root), *self._names
        )
        try:
            result: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
        except (ValueError, IndexError):
            result = {"error": f"the comparison failed (exit code {process.returncode})"}
        if "error" in result:
            self.query_one("#advice", Static).update(f" {printable(result['error'])}")
            return
        sentences = "\n".join(f" {printable(sentence)}" for sentence in result["advice"])
        self.query_one("#advice", Static).update(sentences)
        self._tables = result["tables"]
        self._show()

    def action_next_tab(self) -> None:
        """Show the next table."""
        if self._tables:
            self._table_index = (self._table_index + 1) % len(self._tables)
            self._show()

    def action_save(self) -> None:
        """Write this table or the full report to a file. A browser downloads the report."""

        def write(path: str | None) -> None:
            if path and path.strip().endswith(".csv"):
                self._write_table(Path(path.strip()).expanduser())
            elif path:
                # A worker of the app continues when this screen closes.
                self.app.run_worker(self._write(path), group="writing")

        proposal = f"{self._names[0]}-compared.html"
        if self.app.is_web:
            self.app.run_worker(self._download(proposal), group="writing")
            return
        question = "Write the report (.html, .md, .json) or this table (.csv) to:"
        self.app.push_screen(TextDialog(question, proposal), write)

    async def _download(self, name: str) -> None:
        with downloaded(self.app, name) as path:
            await self._write(str(path))

    def _write_table(self, path: Path) -> None:
        if not self._tables:
            return
        table = self._tables[self._table_index]
        try:
            rows = write_csv(path, table["header"], table["rows"])
        except HTransError as error:
            self.app.notify(printable(str(error)), severity="error", markup=False)
        else:
            message = f"{rows} rows written to {printable(str(path.absolute()))}"
            self.app.notify(message, title="Saved", markup=False)

    async def _write(self, path: str) -> None:
        output = ("--output", str(Path(path).expanduser()))
        root = ("--workspace", str(self.services.workspace.root))
        process = await run_python("htrans_tui", "report", *self._names, *output, *root)
        if self.app.is_web and not process.returncode:
            return
        lines = (process.stderr if process.returncode else process.stdout).strip().splitlines()
        self.app.notify(
            printable(lines[-1] if lines else "nothing was written"),
            title="" if process.returncode else "Saved",
            severity="error" if process.returncode else "information",
            markup=False,
        )

    def action_back(self) -> None:
        """Go back to the runs."""
        self.app.pop_screen()

    def _show(self) -> None:
        shown = self._tables[self._table_index]
        position = f"{self._table_index + 1}/{len(self._tables)}"
        self.query_one("#table-title", Static).update(f" {position}  {printable(shown['title'])}")
        self.query_one("#note", Static).update(f" {printable(shown['note'])}")
        table = self.query_one("#comparison", DataTable)
        table.clear(columns=True)
        with_bars = shown["title"].startswith(_BAR_TABLE)
        for column, title in enumerate(shown["header"]):
            table.add_column(Text(printable(title)), key=str(column))
        for row in shown["rows"]:
            table.add_row(
                *(_cell(cell, shown["right"], i, with_bars) for i, cell in enumerate(row))
            )


def _cell(cell: str, right: str, column: int, with_bars: bool) -> Text:
    if with_bars and column:
        return Text(f"{bar(float(cell), _BAR_WIDTH)} {cell}")
    is_right = right[column : column + 1] == "r"
    return Text(printable(cell), justify="right" if is_right else "left")
