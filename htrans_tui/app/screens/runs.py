"""Runs: all runs of the workspace with their progress and metrics."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Footer

from core.engine.artifacts.workspace_store import Store, open_store
from core.engine.monitoring.status import RunStatus
from core.engine.runs.deletion import delete_run
from core.text.plain_text import printable
from htrans_tui.app.actions import Scope, bindings_for
from htrans_tui.app.preferences import Preferences
from htrans_tui.app.screens.htrans_screen import HTransScreen
from htrans_tui.app.services import AppServices
from htrans_tui.app.snapshot import Snapshot
from htrans_tui.app.widgets.plain_label import PlainLabel
from htrans_tui.app.widgets.workers import machine_line
from htrans_tui.formatting import STATE_SIGNS, duration, rate

_COLUMNS = ("run", "state", "done", "ETA", "micro-F1", "macro-F1", "system", "corpus")
_SORT_KEYS: dict[str, Callable[[RunStatus], Any]] = {
    "run": lambda run: run.run.name,
    "state": lambda run: run.run.state,
    "done": lambda run: run.done / max(run.total, 1),
    "ETA": lambda run: run.eta_seconds,
    "micro-F1": lambda run: run.test_micro_f1,
    "macro-F1": lambda run: run.test_macro_f1,
    "system": lambda run: run.run.system,
    "corpus": lambda run: run.run.corpus,
}
_SIGNS = {**STATE_SIGNS, "pausing": "‖"}
_NO_RUNS = (
    "No runs yet. In another terminal:\n\n"
    "  htrans-tui import FILE --name CORPUS --taxonomy FILE\n"
    "  htrans-tui train CORPUS\n\n"
    "Or train on an embedded corpus: htrans-tui demo"
)


class RunsTable(DataTable[Text], inherit_bindings=False):
    """A table without a binding for enter, so that the screen's configurable key applies.

    The screen's binding has no priority, because it would overtake queued arrow keys.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        binding
        for binding in DataTable.BINDINGS
        if not (isinstance(binding, Binding) and binding.key == "enter")
    ]

    def __init__(self) -> None:
        super().__init__(cursor_type="row", id="runs")


class RunsScreen(HTransScreen[None]):
    """List of runs. Enter opens a run, space marks it for a comparison."""

    SCOPE: ClassVar[Scope] = "runs"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("runs")]

    def __init__(self, services: AppServices) -> None:
        super().__init__(services)
        self._marked: list[int] = []
        self._order: tuple[str, bool] | None = None

    def compose(self) -> ComposeResult:
        """Compose title, table, hint and footer."""
        yield PlainLabel(" htrans-tui   runs", id="title")
        yield RunsTable()
        yield PlainLabel("", id="hint")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Add the columns and draw the current snapshot."""
        table = self.query_one("#runs", DataTable)
        for column in _COLUMNS:
            table.add_column(column, key=column)
        table.display = False
        self.query_one("#hint", PlainLabel).set_text("Reading the workspace …")
        if self.services.snapshot != Snapshot():
            self.show(self.services.snapshot)

    def show(self, snapshot: Snapshot) -> None:
        """Update the changed rows. The cursor stays on its run."""
        table = self.query_one("#runs", DataTable)
        hint = self.query_one("#hint", PlainLabel)
        load = "" if snapshot.load is None else f"   {machine_line(snapshot.load)}"
        self.query_one("#title", PlainLabel).set_text(f" htrans-tui   runs{load}")
        table.display = bool(snapshot.runs)
        hint.display = not snapshot.runs
        hint.set_text(printable(snapshot.problem) if snapshot.problem else _NO_RUNS)
        runs = self._ordered(snapshot)
        keys = [str(run.run.id) for run in runs]
        if [row.value for row in table.rows] != keys:
            cursor = self._run_under_cursor()
            table.clear()
            for run in runs:
                table.add_row(*self._cells(run), key=str(run.run.id))
            if cursor is not None and str(cursor.run.id) in keys:
                table.move_cursor(row=keys.index(str(cursor.run.id)))
            if self.focused is None and keys:
                table.focus()
            return
        for run in runs:
            for column, cell in zip(_COLUMNS, self._cells(run), strict=True):
                if table.get_cell(str(run.run.id), column) != cell:
                    table.update_cell(str(run.run.id), column, cell, update_width=True)

    def on_screen_resume(self) -> None:
        """Draw changes since the screen was covered."""
        if self.services.snapshot != Snapshot():
            self.show(self.services.snapshot)

    def apply_preferences(self, preferences: Preferences) -> None:
        """Do nothing: this screen uses no preferences."""

    def leave(self) -> None:
        """Do nothing: this screen saves no view."""

    def on_data_table_header_selected(self, event: DataTable.HeaderSelected) -> None:
        """Sort by the column: ascending, then descending, then in the default order."""
        name = str(event.column_key.value)
        if self._order == (name, False):
            self._order = name, True
        elif self._order == (name, True):
            self._order = None
        else:
            self._order = name, False
        self.show(self.services.snapshot)

    def _ordered(self, snapshot: Snapshot) -> list[RunStatus]:
        """Return the runs in the selected order, by default newest first; missing values last."""
        runs = list(snapshot.runs)
        if self._order is not None:
            name, reverse = self._order
            known = [run for run in runs if _SORT_KEYS[name](run) is not None]
            known.sort(key=lambda run: _SORT_KEYS[name](run), reverse=reverse)
            runs = known + [run for run in runs if _SORT_KEYS[name](run) is None]
        return runs

    def on_data_table_row_selected(self) -> None:
        """Open the clicked run."""
        self.action_open_run()

    def action_open_run(self) -> None:
        """Open the run under the cursor."""
        if (run := self._run_under_cursor()) is not None:
            self.services.open_run(run.run.id)

    def action_toggle_pause(self) -> None:
        """Pause or resume the run under the cursor."""
        if (run := self._run_under_cursor()) is not None:
            self.services.toggle_pause(run.run)

    def action_new_run(self) -> None:
        """Open the form of a new run."""
        from core.engine.ingest.catalog import read_catalog
        from htrans_tui.app.screens.new_run import NewRunDialog

        with open_store(self.services.workspace, read_only=True) as store:
            catalog = read_catalog(store)
        corpora = [corpus.name for corpus in catalog.corpora]
        vectors = [record.name for record in catalog.vectors]
        if not corpora:
            self.notify("Import a corpus first: htrans-tui import", severity="warning")
            return
        self.app.push_screen(NewRunDialog(self.services.workspace, corpora, vectors), self._started)

    def _started(self, name: str | None) -> None:
        if name is not None:
            self.notify(printable(f"Run {name} started."), markup=False)

    def action_mark(self) -> None:
        """Toggle the mark of the run under the cursor. Marks are numbered in order."""
        if (run := self._run_under_cursor()) is not None:
            if run.run.id in self._marked:
                self._marked.remove(run.run.id)
            else:
                self._marked.append(run.run.id)
            self.show(self.services.snapshot)

    def action_compare(self) -> None:
        """Compare the marked runs."""
        names = {run.run.id: run.run.name for run in self.services.snapshot.runs}
        marked = [names[run_id] for run_id in self._marked if run_id in names]
        if len(marked) < 2:
            self.notify("Mark at least two runs with Space first.", severity="warning")
            return
        self.services.open_comparison(marked)

    def action_delete(self) -> None:
        """Delete the run under the cursor, after confirmation."""
        from htrans_tui.app.screens.dialogs import Choice, ChoiceDialog

        selected = self._run_under_cursor()
        if selected is None:
            return
        run, services = selected.run, self.services

        def delete(store: Store) -> str:
            delete_run(store, services.workspace, run)
            return f"{run.name} deleted"

        def answer(value: str | None) -> None:
            if value is not None:
                services.steer(delete)

        question = f"Delete {run.name} with its models? This cannot be undone."
        self.app.push_screen(ChoiceDialog(question, [Choice("yes", f"delete {run.name}")]), answer)

    def action_save(self) -> None:
        """Write the table to a CSV file."""
        records = [run.to_json() for run in self._ordered(self.services.snapshot)]
        if records:
            rows = [list(record.values()) for record in records]
            self.services.save_table(Path("runs.csv"), list(records[0]), lambda: rows)

    def action_log(self) -> None:
        """Show the engine's log."""
        self.services.open_log()

    def action_classify(self) -> None:
        """Classify with the marked runs, or with the run under the cursor."""
        runs = {run.run.id: run.run for run in self.services.snapshot.runs}
        selected = [runs[run_id] for run_id in self._marked if run_id in runs]
        cursor = self._run_under_cursor()
        if not selected and cursor is not None:
            selected = [cursor.run]
        if selected:
            self.services.open_classifier(selected)

    def _cells(self, run: RunStatus) -> list[Text]:
        marked = run.run.id in self._marked
        return _row(run, f"{self._marked.index(run.run.id) + 1}▸" if marked else "")

    def _run_under_cursor(self) -> RunStatus | None:
        table = self.query_one("#runs", DataTable)
        if not table.row_count:
            return None
        key = table.coordinate_to_cell_key(table.cursor_coordinate).row_key.value
        return next((r for r in self.services.snapshot.runs if str(r.run.id) == key), None)


def _row(run: RunStatus, mark: str) -> list[Text]:
    return [
        Text(mark + printable(run.run.name)),
        Text(f"{_SIGNS[run.run.state]} {run.run.state}"),
        Text(f"{run.done}/{run.total}", justify="right"),
        Text(duration(run.eta_seconds), justify="right"),
        Text(rate(run.test_micro_f1), justify="right"),
        Text(rate(run.test_macro_f1), justify="right"),
        Text(run.run.system),
        Text(printable(run.run.corpus)),
    ]
