"""Monitor: the taxonomy of a run with live values, details of a category, the workers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.widgets import DataTable, Footer, Input, Static, TabbedContent, TabPane, Tree

from core.engine.retraining import Outlook, RetrainRequest, outlook, restore, retrain
from core.engine.status import CategoryStatus, RunStatus, Status
from core.engine.steering import (
    cancel_in_run,
    cancel_run,
    pause_category,
    resume_category,
)
from core.plain_text import printable
from core.settings import TrainingSettings
from db.connection import Store
from db.runs import RunCategory
from htrans_tui.actions import Scope, bindings_for
from htrans_tui.format import STATE_SIGNS, duration
from htrans_tui.screens.dialogs import Choice, ChoiceDialog, RetrainDialog
from htrans_tui.screens.steerable import SteerableScreen
from htrans_tui.snapshot import Snapshot
from htrans_tui.widgets.category_list import SORTS, CategoryList, sorted_by
from htrans_tui.widgets.category_tree import CategoryTree
from htrans_tui.widgets.curves import Curves
from htrans_tui.widgets.history_table import HistoryTable
from htrans_tui.widgets.trial_table import TrialTable
from htrans_tui.widgets.workers import WorkerLines

if TYPE_CHECKING:
    from htrans_tui.app import HTransApp

_TABS = ("curves", "weights", "history", "events")
_HELD = ("paused",)


class MonitorScreen(SteerableScreen):
    """One run. Beside each other on a wide terminal, below each other on a narrow one."""

    SCOPE: ClassVar[Scope] = "monitor"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("monitor")]

    def __init__(self, run_id: int) -> None:
        super().__init__()
        self._run_id = run_id
        self._run: RunStatus | None = None
        self._categories: tuple[CategoryStatus, ...] = ()
        self._chosen: int | None = None
        self._text = ""
        self._state: str | None = None
        self._sort: int | None = None

    def compose(self) -> ComposeResult:
        """Title, tree or list and details, workers, footer."""
        yield Static(" htrans-tui", id="title", markup=False)
        with Container(id="body"):
            with Vertical(id="taxonomy"):
                yield Static("", id="tree-titles", markup=False)
                yield CategoryTree(id="tree")
                yield CategoryList(id="list")
                yield Static("", id="shown", markup=False)
                yield Input(placeholder="text in id or name", id="filter")
            with Vertical(id="details"):
                yield Static("", id="category-title", markup=False)
                with TabbedContent(initial="curves", id="tabs"):
                    with TabPane("Curves", id="curves"):
                        yield Curves()
                    with TabPane("Class weights", id="weights"):
                        yield TrialTable()
                    with TabPane("History", id="history"):
                        yield HistoryTable()
                    with TabPane("Events", id="events"):
                        yield Static("", id="event-list", markup=False)
        yield WorkerLines("", id="workers", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Keys go to the tree; a snapshot that came early is drawn."""
        for hidden in ("#list", "#shown", "#filter"):
            self.query_one(hidden).display = False
        self.query_one(CategoryTree).focus()
        self.show(self._app.snapshot)

    def show(self, snapshot: Snapshot) -> None:
        """Draw what has changed; nothing if the snapshot is about another run."""
        status = snapshot.status
        if snapshot.problem is not None:
            self.query_one("#title", Static).update(f" {printable(snapshot.problem)}")
            return
        if status is None or status.run.run.id != self._run_id:
            return
        self._run = status.run
        self._categories = status.categories
        read_only = " · read-only" if self._app.read_only else ""
        self.query_one("#title", Static).update(_title(status) + read_only)
        self._show_categories(dict(snapshot.sparks))
        details = snapshot.details
        heading = ""
        if details is not None:
            heading = f" {printable(details.category.key)}  {printable(details.category.name)}"
            heading += f"  {duration(details.category.seconds)} of work"
        self.query_one("#category-title", Static).update(heading)
        self.query_one(Curves).show(details)
        self.query_one(TrialTable).show(details)
        self.query_one(HistoryTable).show(details)
        events = Text("\n").join(Text(printable(event.message)) for event in snapshot.events)
        self.query_one("#event-list", Static).update(events or Text("Nothing to report."))
        newest = snapshot.events[0].message if snapshot.events else None
        epochs = TrainingSettings.from_json(status.run.run.settings).epochs
        self.query_one(WorkerLines).show(status.workers, epochs, newest)

    def _show_categories(self, sparks: dict[int, tuple[float, ...]]) -> None:
        tree, table = self.query_one(CategoryTree), self.query_one(CategoryList)
        found = [c for c in self._categories if _matches(c, self._text, self._state)]
        if self._sort is None:
            tree.show(_with_ancestors(self._categories, found), sparks)
        else:
            table.show(sorted_by(found, SORTS[self._sort]))
        parts = []
        if self._sort is not None:
            parts.append(f"{SORTS[self._sort].name} first")
        if self._state is not None:
            parts.append(f"only {STATE_SIGNS[self._state]} {self._state}")
        if self._text:
            parts.append(f"with {printable(self._text)!r}")
        line = self.query_one("#shown", Static)
        line.display = bool(parts)
        line.update(f" {len(found)} of {len(self._categories)}: {', '.join(parts)}")

    def _again(self) -> None:
        """Show the categories that are known with another filter or order."""
        self._show_categories(dict(self._app.snapshot.sparks))

    def on_category_tree_resized(self) -> None:
        """Align the columns' titles with the rows."""
        self.query_one("#tree-titles", Static).update(self.query_one(CategoryTree).titles())

    def on_tree_node_highlighted(self, event: Tree.NodeHighlighted[int]) -> None:
        """Show the details of the category under the tree's cursor."""
        if self._sort is None:
            self._choose(event.node.data)

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Show the details of the category under the list's cursor."""
        if self._sort is not None and event.data_table.id == "list":
            self._choose(self.query_one(CategoryList).chosen)

    def _choose(self, category_id: int | None) -> None:
        self._chosen = category_id
        self._app.poller.select(category_id)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter while typing."""
        self._text = event.value.strip()
        self._again()

    def on_input_submitted(self) -> None:
        """Enter keeps the filter and goes back to the categories."""
        self._focus_categories()

    def action_filter(self) -> None:
        """Type a filter."""
        box = self.query_one("#filter", Input)
        box.display = True
        box.focus()

    def action_next_state(self) -> None:
        """Show one state after the other, of those that there are, then all."""
        there = [s for s in STATE_SIGNS if any(c.state == s for c in self._categories)]
        places = [None, *there]
        at = places.index(self._state) if self._state in places else 0
        self._state = places[(at + 1) % len(places)]
        self._again()

    def action_next_sort(self) -> None:
        """Show the tree, then a list in one order after the other."""
        chosen = self._chosen
        self._sort = 0 if self._sort is None else self._sort + 1
        if self._sort == len(SORTS):
            self._sort = None
        flat = self._sort is not None
        for selector in ("#tree", "#tree-titles"):
            self.query_one(selector).display = not flat
        self.query_one("#list").display = flat
        self._again()
        if flat:
            # Who sorts wants to see what comes first.
            self.query_one(CategoryList).move_cursor(row=0)
            self._choose(self.query_one(CategoryList).chosen)
        else:
            self.query_one(CategoryTree).choose(chosen)
        self._focus_categories()

    def _focus_categories(self) -> None:
        self.query_one("#tree" if self._sort is None else "#list").focus()

    def action_toggle_pause(self) -> None:
        """Pause or resume this run."""
        if self._run is not None:
            self._app.toggle_pause(self._run.run)

    def action_pause_part(self) -> None:
        """Pause or resume the category under the cursor, or it and all below it."""
        category = self._category()
        if category is None or self._run is None:
            return
        run, workspace = self._run.run, self._app.workspace
        held = category.state in _HELD

        def steer(subtree: bool) -> Callable[[Store], str]:
            def work(store: Store) -> str:
                if held:
                    changed = resume_category(store, workspace, run, category.key, subtree=subtree)
                else:
                    changed = pause_category(store, run, category.key, subtree=subtree)
                return f"{'resumed' if held else 'paused'} {_some(changed)}"

            return work

        verb = "Resume" if held else "Pause"
        self._ask_part(f"{verb} {category.key}?", category, steer)

    def action_cancel(self) -> None:
        """Cancel the category under the cursor, it and all below it, or the run."""
        category = self._category()
        if category is None or self._run is None:
            return
        run = self._run.run

        def steer(subtree: bool) -> Callable[[Store], str]:
            def work(store: Store) -> str:
                changed = cancel_in_run(store, run, category.key, subtree=subtree)
                return f"cancelled {_some(changed)}"

            return work

        def whole(store: Store) -> str:
            return f"{run.name}: {cancel_run(store, run).state}"

        self._ask_part(f"Cancel {category.key}?", category, steer, whole)

    def action_retrain(self) -> None:
        """Ask how to retrain the category under the cursor, and do it."""
        category = self._category()
        if category is None or self._run is None:
            return
        run, app = self._run.run, self._app
        settings = TrainingSettings.from_json(run.settings)

        def look(request: RetrainRequest) -> Outlook:
            store = Store(app.workspace.database, read_only=True)
            try:
                return outlook(store, run, request)
            finally:
                store.close()

        def begin(request: RetrainRequest | None) -> None:
            if request is not None:
                app.steer(
                    lambda store: (
                        "to be retrained: " + _some(retrain(store, app.workspace, run, request))
                    )
                )

        weights = ",".join(f"{weight:g}" for weight in settings.class_weights)
        dialog = RetrainDialog(category.key, self._below(category), weights, settings.epochs, look)
        app.push_screen(dialog, begin)

    def action_restore(self) -> None:
        """Bring back the model of the attempt under the history's cursor."""
        category, attempt = self._category(), self.query_one(HistoryTable).chosen
        if category is None or self._run is None:
            return
        tabs = self.query_one("#tabs", TabbedContent)
        if tabs.active != "history":
            tabs.active = "history"
            self.query_one(HistoryTable).focus()
            return
        run = self._run.run
        number = None if attempt is None else attempt.attempt

        def work(store: Store) -> str:
            restored = restore(store, run, category.key, number)
            return f"{category.key} has the model of attempt {restored.attempt}"

        self._app.steer(work)

    def _ask_part(
        self,
        question: str,
        category: CategoryStatus,
        steer: Callable[[bool], Callable[[Store], str]],
        whole: Callable[[Store], str] | None = None,
    ) -> None:
        """Ask how much of the run is meant, and steer it."""
        choices = [Choice("alone", f"{category.key} alone")]
        if below := self._below(category):
            choices.append(Choice("subtree", f"{category.key} and {below} below it"))
        if whole is not None:
            choices.append(Choice("run", "the whole run"))

        def answer(value: str | None) -> None:
            if value == "run" and whole is not None:
                self._app.steer(whole)
            elif value is not None:
                self._app.steer(steer(value == "subtree"))

        self.app.push_screen(ChoiceDialog(question, choices), answer)

    def _category(self) -> CategoryStatus | None:
        return next((c for c in self._categories if c.id == self._chosen), None)

    def _below(self, category: CategoryStatus) -> int:
        """How many categories stand below one."""
        inside = {category.key}
        for other in self._categories:
            if other.parent in inside:
                inside.add(other.key)
        return len(inside) - 1

    def action_log_scale(self) -> None:
        """Draw losses on a log scale, or no longer."""
        self.query_one(Curves).toggle_log_scale()

    def action_smoother(self) -> None:
        """Smooth the training loss more."""
        self.query_one(Curves).smooth(1)

    def action_rougher(self) -> None:
        """Smooth the training loss less."""
        self.query_one(Curves).smooth(-1)

    def action_classify(self) -> None:
        """Classify with this run's models."""
        if self._run is not None:
            self._app.open_classifier(self._run.run)

    def action_log(self) -> None:
        """Show the engine's log."""
        self._app.open_log()

    def action_toggle_node(self) -> None:
        """Fold or unfold the category under the cursor."""
        self.query_one(CategoryTree).action_toggle_node()

    def action_next_tab(self) -> None:
        """Show the next tab of the details."""
        tabs = self.query_one("#tabs", TabbedContent)
        tabs.active = _TABS[(_TABS.index(tabs.active) + 1) % len(_TABS)]

    def action_back(self) -> None:
        """End the filter if there is one, or go back to the runs."""
        box = self.query_one("#filter", Input)
        if box.display or self._text or self._state is not None:
            self._state = None
            box.value = ""
            box.display = False
            self._text = ""
            self._again()
            self._focus_categories()
            return
        self._app.poller.watch(None)
        self.app.pop_screen()

    @property
    def _app(self) -> HTransApp:
        return cast("HTransApp", self.app)


def _matches(category: CategoryStatus, text: str, state: str | None) -> bool:
    wanted = text.casefold()
    named = wanted in category.key.casefold() or wanted in category.name.casefold()
    return named and (state is None or category.state == state)


def _with_ancestors(
    categories: Sequence[CategoryStatus], found: Sequence[CategoryStatus]
) -> list[CategoryStatus]:
    """What was found with all that stands above it, in training order."""
    by_key = {category.key: category for category in categories}
    wanted: set[str] = set()
    for category in found:
        key: str | None = category.key
        while key is not None and key not in wanted:
            wanted.add(key)
            parent = by_key.get(by_key[key].parent or "")
            key = None if parent is None else parent.key
    return [category for category in categories if category.key in wanted]


def _some(categories: Sequence[RunCategory]) -> str:
    named = ", ".join(category.key for category in categories[:3])
    return named + (f" and {len(categories) - 3} more" if len(categories) > 3 else "")


def _title(status: Status) -> str:
    run = status.run
    parts = [printable(run.run.name), run.run.system, f"{run.run.state} {run.done}/{run.total}"]
    at_work = sum(1 for worker in status.workers if worker.state in ("training", "scoring"))
    if at_work:
        parts.append(f"{at_work} worker{'s' if at_work != 1 else ''}")
    if run.eta_seconds is not None:
        parts.append(f"ETA {duration(run.eta_seconds)} by {run.eta_basis}")
    if run.test_micro_f1 is not None and run.test_macro_f1 is not None:
        parts.append(f"test micro-F1 {run.test_micro_f1:.3f}")
        parts.append(f"macro-F1 {run.test_macro_f1:.3f}")
    return " htrans-tui  " + " · ".join(parts)
