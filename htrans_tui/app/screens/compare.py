"""Compare: the tables of a comparison, its levels as bars, and which system to use."""

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

_BAR = 20
_BARS = "Figure 2"
"""The table whose numbers are drawn as bars too."""


class CompareScreen(HTransScreen[None]):
    """Runs side by side; the comparison is made by a process of its own."""

    SCOPE: ClassVar[Scope] = "compare"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("compare")]

    def __init__(self, services: AppServices, names: Sequence[str]) -> None:
        super().__init__(services)
        self._names = tuple(names)
        self._tables: list[dict[str, Any]] = []
        self._at = 0

    def compose(self) -> ComposeResult:
        """Title, advice, one table at a time, its note, footer."""
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
        ended = await run_python(
            "htrans_tui.report.service", str(self.services.workspace.root), *self._names
        )
        try:
            said: dict[str, Any] = json.loads(ended.out.splitlines()[-1])
        except (ValueError, IndexError):
            said = {"error": f"the comparison has ended (exit code {ended.code})"}
        if "error" in said:
            self.query_one("#advice", Static).update(f" {printable(said['error'])}")
            return
        sentences = "\n".join(f" {printable(sentence)}" for sentence in said["advice"])
        self.query_one("#advice", Static).update(sentences)
        self._tables = said["tables"]
        self._show()

    def action_next_tab(self) -> None:
        """Show the next table."""
        if self._tables:
            self._at = (self._at + 1) % len(self._tables)
            self._show()

    def action_save(self) -> None:
        """Ask for a file and write this table or the whole report into it.

        A browser is sent the report.
        """

        def write(path: str | None) -> None:
            if path and path.strip().endswith(".csv"):
                self._write_table(Path(path.strip()).expanduser())
            elif path:
                # Of the app, so that leaving this screen does not end it.
                self.app.run_worker(self._write(path), group="writing")

        proposal = f"{self._names[0]}-compared.html"
        if self.app.is_web:
            self.app.run_worker(self._send(proposal), group="writing")
            return
        question = "Write the report (.html, .md, .json) or this table (.csv) to"
        self.app.push_screen(TextDialog(question, proposal), write)

    async def _send(self, name: str) -> None:
        with downloaded(self.app, name) as path:
            await self._write(str(path))

    def _write_table(self, path: Path) -> None:
        if not self._tables:
            return
        shown = self._tables[self._at]
        try:
            rows = write_csv(path, shown["header"], shown["rows"])
        except HTransError as error:
            self.app.notify(printable(str(error)), severity="error", markup=False)
        else:
            said = f"{rows} rows in {printable(str(path.absolute()))}"
            self.app.notify(said, title="written", markup=False)

    async def _write(self, path: str) -> None:
        output = ("--output", str(Path(path).expanduser()))
        root = ("--workspace", str(self.services.workspace.root))
        ended = await run_python("htrans_tui", "report", *self._names, *output, *root)
        if self.app.is_web and not ended.code:
            return
        said = (ended.err if ended.code else ended.out).strip().splitlines()
        self.app.notify(
            printable(said[-1] if said else "nothing was written"),
            title="" if ended.code else "written",
            severity="error" if ended.code else "information",
            markup=False,
        )

    def action_back(self) -> None:
        """Go back to the runs."""
        self.app.pop_screen()

    def _show(self) -> None:
        shown = self._tables[self._at]
        place = f"{self._at + 1}/{len(self._tables)}"
        self.query_one("#table-title", Static).update(f" {place}  {printable(shown['title'])}")
        self.query_one("#note", Static).update(f" {printable(shown['note'])}")
        table = self.query_one("#comparison", DataTable)
        table.clear(columns=True)
        bars = shown["title"].startswith(_BARS)
        for number, title in enumerate(shown["header"]):
            table.add_column(Text(printable(title)), key=str(number))
        for row in shown["rows"]:
            table.add_row(*(_cell(cell, shown["right"], i, bars) for i, cell in enumerate(row)))


def _cell(cell: str, right: str, place: int, bars: bool) -> Text:
    if bars and place:
        return Text(f"{bar(float(cell), _BAR)} {cell}")
    aligned = right[place : place + 1] == "r"
    return Text(printable(cell), justify="right" if aligned else "left")
