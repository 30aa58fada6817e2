"""Monitor: the taxonomy of a run with live values, details of a category, the workers."""

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
from htrans_tui.app.widgets.category_columns import SORTS, Sort, sort_by, sort_left
from htrans_tui.app.widgets.category_table import CategoryTable, ColumnTitles
from htrans_tui.app.widgets.curves import Curves
from htrans_tui.app.widgets.history_table import HistoryTable
from htrans_tui.app.widgets.plain_label import PlainLabel
from htrans_tui.app.widgets.trial_table import TrialTable
from htrans_tui.app.widgets.workers import WorkerLines
from htrans_tui.formatting import STATE_SIGNS, duration

_TABS = ("curves", "weights", "history", "alerts")
_REMEMBER = 5.0
"""Seconds between two looks at whether the view has changed and must be remembered."""


class FilterBox(Input):
    """Where a filter is typed; what is typed after enter is for the categories already.

    Keys that come in a burst, as over a slow line, go to who has the focus when they are read, and
    only a binding with priority moves the focus before the next is.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "screen.keep_filter", "Keep", show=False, priority=True)
    ]


class MonitorScreen(CategorySteering):
    """One run. Beside each other on a wide terminal, below each other on a narrow one."""

    SCOPE: ClassVar[Scope] = "monitor"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("monitor")]

    def __init__(self, services: AppServices, run_id: int) -> None:
        super().__init__(services)
        self._run_id = run_id
        self._text = ""
        self._state: str | None = None
        self._sort: Sort | None = None
        self._remembered: View | None = None
        self._epochs = 0

    def compose(self) -> ComposeResult:
        """Title, taxonomy and details, workers, footer."""
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
        """Keys go to the taxonomy; a snapshot that came early is drawn."""
        for hidden in ("#shown", "#filter"):
            self.query_one(hidden).display = False
        self.set_focus(self._table)
        self.show(self.services.snapshot)
        self.set_interval(_REMEMBER, self._remember)

    def on_screen_resume(self) -> None:
        """Draw what has changed while another screen was seen."""
        self.show(self.services.snapshot)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether an action is there: a filter is not begun while one is typed."""
        if action == "filter" and isinstance(self.focused, FilterBox):
            return False
        return super().check_action(action, parameters)

    def leave(self) -> None:
        """Remember how the run is left."""
        self._remember()

    def show(self, snapshot: Snapshot) -> None:
        """Draw what has changed; nothing if the snapshot is about another run."""
        status = snapshot.status
        if snapshot.problem is not None:
            self.query_one("#title", PlainLabel).say(f" {printable(snapshot.problem)}")
            return
        if status is None or status.run.run.id != self._run_id:
            return
        first = self._run is None
        self._run = status.run
        self._categories = status.categories
        if first:
            self._epochs = TrainingSettings.from_json(status.run.run.settings).epochs
            self._recall()
        read_only = " · read-only" if self.services.read_only else ""
        width = self.size.width - cell_len(read_only)
        self.query_one("#title", PlainLabel).say(title(status, width) + read_only)
        self._show_categories(snapshot)
        if first and self._remembered is not None and self._remembered.category is not None:
            keys = {category.key: category.id for category in self._categories}
            self._table.choose(keys.get(self._remembered.category))
        details = snapshot.details
        heading = ""
        if details is not None:
            heading = f" {printable(details.category.key)}  {printable(details.category.name)}"
            heading += f"  {duration(details.category.seconds)} of work"
        self.query_one("#category-title", PlainLabel).say(heading)
        self._show_tab(snapshot)
        tab = self.query_one("#tabs", TabbedContent).get_tab("alerts")
        label = f"Alerts ({len(snapshot.alerts)})" if snapshot.alerts else "Alerts"
        if tab.label_text != label:
            tab.label = label
        lines = self.query_one(WorkerLines)
        lines.show(status.workers, self._epochs, snapshot.load, snapshot.alerts)

    def _show_tab(self, snapshot: Snapshot) -> None:
        """Draw the tab that is seen; the others are drawn when they are."""
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
        """Draw the tab that is seen now."""
        self._show_tab(self.services.snapshot)

    def use(self, preferences: Preferences) -> None:
        """Show other columns."""
        self._table.columns = preferences.columns
        self._table.refresh()
        self.query_one(ColumnTitles).follow()

    def _show_categories(self, snapshot: Snapshot) -> None:
        found = self._found()
        searching = found is not self._categories
        self._table.show(
            with_ancestors(self._categories, found) if self._sort is None else found,
            snapshot.losses,
            sort=self._sort,
            unfold_all=searching,
            alerts=alert_ids(snapshot.alerts),
        )
        parts = []
        if self._sort is not None:
            parts.append(f"{self._sort.name} first")
        if self._state is not None:
            parts.append(f"only {STATE_SIGNS[self._state]} {self._state}")
        if self._text:
            parts.append(f"with {printable(self._text)!r}")
        line = self.query_one("#shown", PlainLabel)
        line.display = bool(parts)
        line.say(f" {len(found)} of {len(self._categories)}: {', '.join(parts)}")

    def _found(self) -> Sequence[CategoryStatus]:
        """The categories that the filter lets through."""
        return matching(self._categories, self._text, self._state)

    def _again(self) -> None:
        """Show the categories that are known with another filter or order."""
        self._show_categories(self.services.snapshot)

    def _recall(self) -> None:
        """Show the run as it was left."""
        assert self._run is not None
        run = self._run.run
        view = self.services.recall(run)
        self._remembered = view
        self._table.folded = set(view.folded)
        self._state = view.state if view.state in STATE_SIGNS else None
        self._sort = sort_left(view.sort, view.low_first)
        if view.tab in _TABS:
            self.query_one("#tabs", TabbedContent).active = view.tab

    def _remember(self) -> None:
        """Keep the view with the user if it is another than before."""
        if self._run is None:
            return
        run = self._run.run
        chosen = self._category()
        view = View(
            category=None if chosen is None else chosen.key,
            folded=tuple(sorted(self._table.folded)),
            sort=None if self._sort is None else self._sort.column,
            low_first=False if self._sort is None else self._sort.low_first,
            state=self._state,
            tab=self.query_one("#tabs", TabbedContent).active,
        )
        if view != self._remembered:
            self._remembered = view
            self.services.remember(run, view)

    def on_category_table_changed(self) -> None:
        """Align the columns' titles with the rows."""
        self.query_one(ColumnTitles).follow()

    def on_category_table_highlighted(self, message: CategoryTable.Highlighted) -> None:
        """Show the details of the category under the cursor."""
        self.services.poller.select(message.category_id)

    def on_column_titles_clicked(self, message: ColumnTitles.Clicked) -> None:
        """Order by the column, the other way at the second click; left of them is the tree."""
        column = message.column
        self._order(None if column is None else sort_by(column, self._sort))

    def on_alert_list_chosen(self, message: AlertList.Chosen) -> None:
        """Go to the category that an alert or event is about."""
        self._go_to(message.category_id)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while typing."""
        self._text = event.value.strip()
        self._again()
        if self._text:
            # What matches is meant, not the categories above it that are shown too.
            found = [category.id for category in self._found()]
            if found and self._table.chosen not in found:
                self._table.choose(found[0])

    def action_keep_filter(self) -> None:
        """Keep the filter and go back to the categories."""
        self.set_focus(self._table)

    def action_filter(self) -> None:
        """Type a filter."""
        box = self.query_one("#filter", Input)
        box.display = True
        # At once, so that what is typed next goes into it.
        self.set_focus(box)
        self.refresh_bindings()

    def action_next_state(self) -> None:
        """Show one state after the other, of those that there are, then all."""
        there = [s for s in STATE_SIGNS if any(c.state == s for c in self._categories)]
        places = [None, *there]
        at = places.index(self._state) if self._state in places else 0
        self._state = places[(at + 1) % len(places)]
        self._again()

    def action_next_sort(self) -> None:
        """Show the tree, then a list in one order after the other."""
        at = SORTS.index(self._sort) + 1 if self._sort in SORTS else 0
        self._order(SORTS[at] if at < len(SORTS) else None)

    def _order(self, sort: Sort | None) -> None:
        chosen = self._table.chosen
        self._sort = sort
        self._again()
        if sort is not None:
            # Who sorts wants to see what comes first.
            self._table.action_move_to(0)
        else:
            self._table.choose(chosen)
        self.set_focus(self._table)

    def action_next_alert(self) -> None:
        """Go to the next category with an alert, from the cursor on and round."""
        alerts = self.services.snapshot.alerts
        ids = alert_ids(alerts)
        there = [category.id for category in self._categories if category.id in ids]
        if not there:
            said = alerts[0].message if alerts else "there is no alert"
            self.notify(printable(said), markup=False)
            return
        at = there.index(self._table.chosen) + 1 if self._table.chosen in there else 0
        self._go_to(there[at % len(there)])
        self.query_one("#tabs", TabbedContent).active = "alerts"

    def _go_to(self, category_id: int) -> None:
        """Move the cursor to a category, ending a filter that hides it."""
        if category_id not in {category.id for category in self._table.rows}:
            self._end_filter()
        self._table.choose(category_id)

    def action_next_measure(self) -> None:
        """Show the curves of all measures, or of one after the other."""
        self.query_one(Curves).next_measure()

    def action_read_right(self) -> None:
        """Read the curves one epoch further."""
        self.query_one(Curves).read_at(1)

    def action_read_left(self) -> None:
        """Read the curves one epoch before."""
        self.query_one(Curves).read_at(-1)

    def action_log_scale(self) -> None:
        """Draw losses on a log scale, or no longer."""
        self.query_one(Curves).toggle_log_scale()

    def action_smoother(self) -> None:
        """Smooth the training loss more."""
        self.query_one(Curves).smooth(1)

    def action_rougher(self) -> None:
        """Smooth the training loss less."""
        self.query_one(Curves).smooth(-1)

    def action_inspect(self) -> None:
        """Show what the model of the category under the cursor gets right and wrong."""
        if self._run is None or self._table.chosen is None:
            return
        with open_store(self.services.workspace, read_only=True) as store:
            category = category_with_id(store, self._table.chosen)
        if category.kept_trial_id is None:
            self.notify(printable(f"{category.key} has no model yet"), markup=False)
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
        """Show the next tab of the details."""
        tabs = self.query_one("#tabs", TabbedContent)
        tabs.active = _TABS[(_TABS.index(tabs.active) + 1) % len(_TABS)]

    def action_save(self) -> None:
        """Write the table in focus to a CSV file: categories, class weights or history."""
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
        """End the filter if there is one, or go back to the runs."""
        if self.query_one("#filter", Input).display or self._text or self._state is not None:
            self._end_filter()
            self.set_focus(self._table)
            return
        self.leave()
        self.services.poller.watch(None)
        self.app.pop_screen()

    def _end_filter(self) -> None:
        box = self.query_one("#filter", Input)
        self._state, self._text = None, ""
        box.value = ""
        box.display = False
        self._again()


def title(status: Status, width: int) -> str:
    """The screen's first line: all that there is to say if it fits `width` cells, else less."""
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
