"""Monitor: the taxonomy of a run with live values, details of a category, and the workers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.widgets import Footer, Input, TabbedContent, TabPane

from core.engine.artifacts.workspace_store import open_store
from core.engine.monitoring.status import CategoryStatus, Status
from core.engine.runs.lookup import category_with_id
from core.settings import TrainingSettings
from core.text.plain_text import printable
from htrans_tui.app.actions import Scope, bindings_for
from htrans_tui.app.preferences import Preferences
from htrans_tui.app.screens.category_filter import matching, with_ancestors
from htrans_tui.app.screens.category_steering import CategorySteering
from htrans_tui.app.services import AppServices
from htrans_tui.app.snapshot import Snapshot
from htrans_tui.app.view_state import View
from htrans_tui.app.widgets.alert_list import AlertList, alert_ids
from htrans_tui.app.widgets.category_columns import SORTS, Sort, saved_sort, sort_by
from htrans_tui.app.widgets.category_table import CategoryTable, ColumnTitles
from htrans_tui.app.widgets.curves import Curves
from htrans_tui.app.widgets.history_table import HistoryTable
from htrans_tui.app.widgets.plain_label import PlainLabel
from htrans_tui.app.widgets.trial_table import TrialTable
from htrans_tui.app.widgets.workers import WorkerLines
from htrans_tui.formatting import STATE_SIGNS, duration

_TABS = ("curves", "weights", "history", "alerts")
_SAVE_INTERVAL_S = 5.0
"""Seconds between two checks whether the view changed and must be saved."""


class FilterBox(Input):
    """Input of the filter. Enter moves the focus to the categories.

    Enter has priority, so that keys which arrive in one burst over a slow connection go to the
    categories. Without priority the focus moves only after the burst.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "screen.keep_filter", "Keep", show=False, priority=True)
    ]


class MonitorScreen(CategorySteering):
    """Shows one run: side by side on wide terminals, stacked on narrow ones."""

    SCOPE: ClassVar[Scope] = "monitor"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("monitor")]

    def __init__(self, services: AppServices, run_id: int) -> None:
        super().__init__(services)
        self._run_id = run_id
        self._text = ""
        self._state: str | None = None
        self._sort: Sort | None = None
        self._saved_view: View | None = None
        self._epochs = 0

    def compose(self) -> ComposeResult:
        """Compose title, taxonomy, details, workers and footer."""
        table = CategoryTable(id="categories")
        table.columns = self.services.preferences.columns
        yield PlainLabel(" htrans-tui", id="title")
        with Container(id="body"):
            with Vertical(id="taxonomy"):
                yield ColumnTitles(table, id="column-titles")
                yield table
                yield PlainLabel("", id="shown")
                yield FilterBox(placeholder="text in id or name", id="filter")
            with Vertical(id="details"):
                yield PlainLabel("", id="category-title")
                with TabbedContent(initial="curves", id="tabs"):
                    with TabPane("Curves", id="curves"):
                        yield Curves()
                    with TabPane("Class weights", id="weights"):
                        yield TrialTable()
                    with TabPane("History", id="history"):
                        yield HistoryTable()
                    with TabPane("Alerts", id="alerts"):
                        yield AlertList(id="alert-list")
        yield WorkerLines()
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Focus the taxonomy and draw the current snapshot."""
        for hidden in ("#shown", "#filter"):
            self.query_one(hidden).display = False
        self.set_focus(self._table)
        self.show(self.services.snapshot)
        self.set_interval(_SAVE_INTERVAL_S, self._save_view)

    def on_screen_resume(self) -> None:
        """Draw changes since the screen was covered."""
        self.show(self.services.snapshot)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return whether an action is available: not `filter` while a filter is typed."""
        if action == "filter" and isinstance(self.focused, FilterBox):
            return False
        return super().check_action(action, parameters)

    def leave(self) -> None:
        """Save the view."""
        self._save_view()

    def show(self, snapshot: Snapshot) -> None:
        """Update the widgets whose data changed. Ignores snapshots of other runs."""
        status = snapshot.status
        if snapshot.problem is not None:
            self.query_one("#title", PlainLabel).set_text(f" {printable(snapshot.problem)}")
            return
        if status is None or status.run.run.id != self._run_id:
            return
        first = self._run is None
        self._run = status.run
        self._categories = status.categories
        if first:
            self._epochs = TrainingSettings.from_json(status.run.run.settings).epochs
            self._load_view()
        read_only = " · read-only" if self.services.read_only else ""
        width = self.size.width - cell_len(read_only)
        self.query_one("#title", PlainLabel).set_text(title(status, width) + read_only)
        self._show_categories(snapshot)
        if first and self._saved_view is not None and self._saved_view.category is not None:
            keys = {category.key: category.id for category in self._categories}
            self._table.move_cursor_to(keys.get(self._saved_view.category))
        details = snapshot.details
        heading = ""
        if details is not None:
            heading = f" {printable(details.category.key)}  {printable(details.category.name)}"
            heading += f"  {duration(details.category.seconds)} worker time"
        self.query_one("#category-title", PlainLabel).set_text(heading)
        self._show_tab(snapshot)
        tab = self.query_one("#tabs", TabbedContent).get_tab("alerts")
        label = f"Alerts ({len(snapshot.alerts)})" if snapshot.alerts else "Alerts"
        if tab.label_text != label:
            tab.label = label
        lines = self.query_one(WorkerLines)
        lines.show(status.workers, self._epochs, snapshot.load, snapshot.alerts)

    def _show_tab(self, snapshot: Snapshot) -> None:
        """Draw the active tab; the others are drawn when they are activated."""
        active = self.query_one("#tabs", TabbedContent).active
        if active == "curves":
            self.query_one(Curves).show(snapshot.details)
        elif active == "weights":
            self.query_one(TrialTable).show(snapshot.details)
        elif active == "history":
            self.query_one(HistoryTable).show(snapshot.details)
        else:
            self.query_one(AlertList).show(snapshot.alerts, snapshot.events)

    def on_tabbed_content_tab_activated(self) -> None:
        """Draw the activated tab."""
        self._show_tab(self.services.snapshot)

    def apply_preferences(self, preferences: Preferences) -> None:
        """Apply the columns."""
        self._table.columns = preferences.columns
        self._table.refresh()
        self.query_one(ColumnTitles).align()

    def _show_categories(self, snapshot: Snapshot) -> None:
        matches = self._matches()
        self._table.show(
            with_ancestors(self._categories, matches) if self._sort is None else matches,
            snapshot.losses,
            sort=self._sort,
            unfold_all=matches is not self._categories,
            alerts=alert_ids(snapshot.alerts),
        )
        parts = []
        if self._sort is not None:
            parts.append(f"{self._sort.name} first")
        if self._state is not None:
            parts.append(f"only {STATE_SIGNS[self._state]} {self._state}")
        if self._text:
            parts.append(f"matching {printable(self._text)!r}")
        line = self.query_one("#shown", PlainLabel)
        line.display = bool(parts)
        line.set_text(f" {len(matches)} of {len(self._categories)}: {', '.join(parts)}")

    def _matches(self) -> Sequence[CategoryStatus]:
        """Return the categories that match the filter."""
        return matching(self._categories, self._text, self._state)

    def _refresh_categories(self) -> None:
        """Show the categories of the current snapshot with a new filter or order."""
        self._show_categories(self.services.snapshot)

    def _load_view(self) -> None:
        """Restore the saved view."""
        assert self._run is not None
        run = self._run.run
        view = self.services.load_view(run)
        self._saved_view = view
        self._table.folded = set(view.folded)
        self._state = view.state if view.state in STATE_SIGNS else None
        self._sort = saved_sort(view.sort, view.low_first)
        if view.tab in _TABS:
            self.query_one("#tabs", TabbedContent).active = view.tab

    def _save_view(self) -> None:
        """Save the view if it changed."""
        if self._run is None:
            return
        run = self._run.run
        selected = self._category()
        view = View(
            category=None if selected is None else selected.key,
            folded=tuple(sorted(self._table.folded)),
            sort=None if self._sort is None else self._sort.column,
            low_first=False if self._sort is None else self._sort.low_first,
            state=self._state,
            tab=self.query_one("#tabs", TabbedContent).active,
        )
        if view != self._saved_view:
            self._saved_view = view
            self.services.save_view(run, view)

    def on_category_table_layout_changed(self) -> None:
        """Align the column titles with the rows."""
        self.query_one(ColumnTitles).align()

    def on_category_table_highlighted(self, message: CategoryTable.Highlighted) -> None:
        """Show the details of the category under the cursor."""
        self.services.poller.select(message.category_id)

    def on_column_titles_clicked(self, message: ColumnTitles.Clicked) -> None:
        """Sort by the column; reverse on the second click. A click left of them shows the tree."""
        column = message.column
        self._set_sort(None if column is None else sort_by(column, self._sort))

    def on_alert_list_selected(self, message: AlertList.Selected) -> None:
        """Go to the category of an alert or event."""
        self._go_to(message.category_id)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while typing."""
        self._text = event.value.strip()
        self._refresh_categories()
        if self._text:
            # Move the cursor to a match, not to an ancestor of one.
            matches = [category.id for category in self._matches()]
            if matches and self._table.cursor_category_id not in matches:
                self._table.move_cursor_to(matches[0])

    def action_keep_filter(self) -> None:
        """Keep the filter and focus the categories."""
        self.set_focus(self._table)

    def action_filter(self) -> None:
        """Open the filter."""
        box = self.query_one("#filter", Input)
        box.display = True
        # Focus it now, so that the next keys go into it.
        self.set_focus(box)
        self.refresh_bindings()

    def action_next_state(self) -> None:
        """Cycle the states that occur, then all states."""
        states = [s for s in STATE_SIGNS if any(c.state == s for c in self._categories)]
        choices = [None, *states]
        index = choices.index(self._state) if self._state in choices else 0
        self._state = choices[(index + 1) % len(choices)]
        self._refresh_categories()

    def action_next_sort(self) -> None:
        """Cycle the tree and the sorted lists."""
        index = SORTS.index(self._sort) + 1 if self._sort in SORTS else 0
        self._set_sort(SORTS[index] if index < len(SORTS) else None)

    def _set_sort(self, sort: Sort | None) -> None:
        category_id = self._table.cursor_category_id
        self._sort = sort
        self._refresh_categories()
        if sort is not None:
            # Show the first categories of the new order.
            self._table.action_move_to(0)
        else:
            self._table.move_cursor_to(category_id)
        self.set_focus(self._table)

    def action_next_alert(self) -> None:
        """Go to the next category with an alert, wrapping around at the end."""
        alerts = self.services.snapshot.alerts
        ids = alert_ids(alerts)
        affected = [category.id for category in self._categories if category.id in ids]
        if not affected:
            message = alerts[0].message if alerts else "There are no alerts."
            self.notify(printable(message), markup=False)
            return
        current = self._table.cursor_category_id
        index = affected.index(current) + 1 if current in affected else 0
        self._go_to(affected[index % len(affected)])
        self.query_one("#tabs", TabbedContent).active = "alerts"

    def _go_to(self, category_id: int) -> None:
        """Move the cursor to a category. Clears a filter that hides it."""
        if category_id not in {category.id for category in self._table.rows}:
            self._clear_filter()
        self._table.move_cursor_to(category_id)

    def action_next_measure(self) -> None:
        """Cycle the curves of all metrics and of each one."""
        self.query_one(Curves).next_metric()

    def action_read_right(self) -> None:
        """Read the curves at the next epoch."""
        self.query_one(Curves).read_at(1)

    def action_read_left(self) -> None:
        """Read the curves at the previous epoch."""
        self.query_one(Curves).read_at(-1)

    def action_log_scale(self) -> None:
        """Toggle the log scale of losses."""
        self.query_one(Curves).toggle_log_scale()

    def action_smoother(self) -> None:
        """Smooth the training loss more."""
        self.query_one(Curves).smooth(1)

    def action_rougher(self) -> None:
        """Smooth the training loss less."""
        self.query_one(Curves).smooth(-1)

    def action_inspect(self) -> None:
        """Open the predictions of the category under the cursor."""
        category_id = self._table.cursor_category_id
        if self._run is None or category_id is None:
            return
        with open_store(self.services.workspace, read_only=True) as store:
            category = category_with_id(store, category_id)
        if category.kept_trial_id is None:
            self.notify(printable(f"{category.key} has no model yet."), markup=False)
            return
        self.services.open_predictions(self._run.run, category)

    def action_classify(self) -> None:
        """Classify with this run's models."""
        if self._run is not None:
            self.services.open_classifier([self._run.run])

    def action_log(self) -> None:
        """Show the engine's log."""
        self.services.open_log()

    def action_toggle_node(self) -> None:
        """Fold or unfold the category under the cursor."""
        self._table.action_toggle_fold()

    def action_next_tab(self) -> None:
        """Cycle the detail tabs."""
        tabs = self.query_one("#tabs", TabbedContent)
        tabs.active = _TABS[(_TABS.index(tabs.active) + 1) % len(_TABS)]

    def action_save(self) -> None:
        """Write the focused table to a CSV file: categories, class weights or history."""
        if self._run is None:
            return
        name, category = self._run.run.name, self._category()
        if isinstance(self.focused, TrialTable) and category is not None:
            header, rows = self.query_one(TrialTable).records()
            proposal = f"{name}-{category.key}-class-weights.csv"
        elif isinstance(self.focused, HistoryTable) and category is not None:
            header, rows = self.query_one(HistoryTable).records()
            proposal = f"{name}-{category.key}-history.csv"
        else:
            records: list[dict[str, Any]] = [c.to_json() for c in self._table.rows]
            header = list(records[0]) if records else []
            rows = [list(record.values()) for record in records]
            proposal = f"{name}-categories.csv"
        self.services.save_table(Path(proposal.replace("/", "-")), header, lambda: rows)

    def action_back(self) -> None:
        """Clear the filter if there is one, or go back to the runs."""
        if self.query_one("#filter", Input).display or self._text or self._state is not None:
            self._clear_filter()
            self.set_focus(self._table)
            return
        self.leave()
        self.services.poller.watch(None)
        self.app.pop_screen()

    def _clear_filter(self) -> None:
        box = self.query_one("#filter", Input)
        self._state, self._text = None, ""
        box.value = ""
        box.display = False
        self._refresh_categories()


def title(status: Status, width: int) -> str:
    """Format the first line of the screen with as many parts as fit `width` cells."""
    run = status.run
    name, state = printable(run.run.name), f"{run.run.state} {run.done}/{run.total}"
    at_work = sum(1 for worker in status.workers if worker.is_busy)
    workers = [f"{at_work} worker{'s' if at_work != 1 else ''}"] if at_work else []
    left, basis, measures, briefly = [], [], [], []
    if run.eta_seconds is not None:
        left = [f"ETA {duration(run.eta_seconds)}"]
        basis = [f"{left[0]} ({run.eta_basis})"]
    if run.test_micro_f1 is not None and run.test_macro_f1 is not None:
        micro, macro = f"{run.test_micro_f1:.3f}", f"{run.test_macro_f1:.3f}"
        measures = [f"test micro-F1 {micro}", f"macro-F1 {macro}"]
        briefly = [f"test F1 micro {micro} macro {macro}"]
    lines = [
        " htrans-tui  " + " · ".join(parts)
        for parts in (
            [name, run.run.system, state, *workers, *basis, *measures],
            [name, run.run.system, state, *workers, *left, *measures],
            [name, run.run.system, state, *left, *measures],
            [name, state, *left, *briefly],
        )
    ]
    return next((line for line in lines if cell_len(line) <= width), lines[-1])
