"""Monitor: the taxonomy tree of a run with live values, details of a category, the workers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.screen import Screen
from textual.widgets import Footer, Static, TabbedContent, TabPane, Tree

from core.engine.status import RunStatus, Status
from core.plain_text import printable
from core.settings import TrainingSettings
from htrans_tui.actions import Scope, bindings_for
from htrans_tui.format import duration
from htrans_tui.snapshot import Snapshot
from htrans_tui.widgets.category_tree import CategoryTree
from htrans_tui.widgets.curves import Curves
from htrans_tui.widgets.trial_table import TrialTable
from htrans_tui.widgets.workers import WorkerLines

if TYPE_CHECKING:
    from htrans_tui.app import HTransApp

_TABS = ("curves", "weights", "events")


class MonitorScreen(Screen[None]):
    """One run. Beside each other on a wide terminal, below each other on a narrow one."""

    SCOPE: ClassVar[Scope] = "monitor"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("monitor")]

    def __init__(self, run_id: int) -> None:
        super().__init__()
        self._run_id = run_id
        self._run: RunStatus | None = None

    def compose(self) -> ComposeResult:
        """Title, tree and details, workers, footer."""
        yield Static(" htrans-tui", id="title", markup=False)
        with Container(id="body"):
            with Vertical(id="taxonomy"):
                yield Static("", id="tree-titles", markup=False)
                yield CategoryTree(id="tree")
            with Vertical(id="details"):
                yield Static("", id="category-title", markup=False)
                with TabbedContent(initial="curves", id="tabs"):
                    with TabPane("Curves", id="curves"):
                        yield Curves()
                    with TabPane("Class weights", id="weights"):
                        yield TrialTable()
                    with TabPane("Events", id="events"):
                        yield Static("", id="event-list", markup=False)
        yield WorkerLines("", id="workers", markup=False)
        yield Footer()

    def on_mount(self) -> None:
        """Keys go to the tree; a snapshot that came early is drawn."""
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
        self.query_one("#title", Static).update(_title(status))
        self.query_one(CategoryTree).show(status.categories, dict(snapshot.sparks))
        details = snapshot.details
        heading = ""
        if details is not None:
            heading = f" {printable(details.category.key)}  {printable(details.category.name)}"
            heading += f"  {duration(details.category.seconds)} of work"
        self.query_one("#category-title", Static).update(heading)
        self.query_one(Curves).show(details)
        self.query_one(TrialTable).show(details)
        events = Text("\n").join(Text(printable(event.message)) for event in snapshot.events)
        self.query_one("#event-list", Static).update(events or Text("Nothing to report."))
        newest = snapshot.events[0].message if snapshot.events else None
        epochs = TrainingSettings.from_json(status.run.run.settings).epochs
        self.query_one(WorkerLines).show(status.workers, epochs, newest)

    def on_category_tree_resized(self) -> None:
        """Align the columns' titles with the rows."""
        self.query_one("#tree-titles", Static).update(self.query_one(CategoryTree).titles())

    def on_tree_node_highlighted(self, event: Tree.NodeHighlighted[int]) -> None:
        """Show the details of the category under the cursor."""
        self._app.poller.select(event.node.data)

    def action_toggle_pause(self) -> None:
        """Pause or resume this run."""
        if self._run is not None:
            self._app.toggle_pause(self._run.run)

    def action_classify(self) -> None:
        """Classify with this run's models."""
        if self._run is not None:
            self._app.open_classifier(self._run.run)

    def action_toggle_node(self) -> None:
        """Fold or unfold the category under the cursor."""
        self.query_one(CategoryTree).action_toggle_node()

    def action_next_tab(self) -> None:
        """Show the next tab of the details."""
        tabs = self.query_one("#tabs", TabbedContent)
        tabs.active = _TABS[(_TABS.index(tabs.active) + 1) % len(_TABS)]

    def action_back(self) -> None:
        """Go back to the runs."""
        self._app.poller.watch(None)
        self.app.pop_screen()

    @property
    def _app(self) -> HTransApp:
        return cast("HTransApp", self.app)


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
