"""Classify: typed text, and the taxonomy's paths that accept it."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Footer, Static, TextArea

from core.plain_text import printable
from core.taxonomy import Taxonomy
from core.workspace import Workspace
from db.connection import Store
from db.corpora import taxonomy_of
from db.runs import Run, run_categories
from htrans_tui.actions import Scope, bindings_for
from htrans_tui.classifier_process import Answer, ClassifierProcess, Failure, Ready
from htrans_tui.widgets.sparkline import bar

DEBOUNCE = 0.12
"""Seconds without a key after which typed text is classified."""
_NEAREST = 3
"""Categories shown below their threshold, the most probable ones."""


class ClassifyScreen(Screen[None]):
    """Results while typing, from a process that keeps the models loaded."""

    SCOPE: ClassVar[Scope] = "classify"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("classify")]

    def __init__(self, workspace: Workspace, run: Run) -> None:
        super().__init__()
        self._workspace = workspace
        self._run = run
        self._process = ClassifierProcess(workspace, run.name)
        self._taxonomy: Taxonomy | None = None
        self._ready = False
        self._wanted = 0
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        """Title, text, result, footer."""
        yield Static(
            f" htrans-tui  classify with {printable(self._run.name)}", id="title", markup=False
        )
        yield TextArea(id="text", soft_wrap=True, tab_behavior="focus")
        yield Static(" Loading the models …", id="state", markup=False)
        with VerticalScroll(id="paths", can_focus=True):
            yield Static("", id="result", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Start the process; typing can begin at once."""
        self.query_one(TextArea).focus()
        self.run_worker(self._listen(), group="classifier")

    async def on_unmount(self) -> None:
        """End the process with the screen."""
        await self._process.end()

    def on_text_area_changed(self) -> None:
        """Wait a moment for the next key, then classify."""
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(DEBOUNCE, self._ask)

    def action_back(self) -> None:
        """Go back to where this was opened."""
        self.app.pop_screen()

    def action_clear_text(self) -> None:
        """Empty the text."""
        self.query_one(TextArea).clear()

    async def _listen(self) -> None:
        store = Store(self._workspace.database)
        try:
            chosen = [category.key for category in run_categories(store, self._run.id)]
            self._taxonomy = taxonomy_of(store, self._run.corpus_id).with_ancestors(chosen)
        finally:
            store.close()
        async for said in self._process.answers():
            if isinstance(said, Ready):
                self._ready = True
                self._say(_ready(said.without_model))
                self._ask()
            elif isinstance(said, Answer):
                if said.id == self._wanted:
                    self._show(said)
            else:
                self._fail(said)
                return

    def _ask(self) -> None:
        if not self._ready:
            return
        text = self.query_one(TextArea).text
        if text.strip():
            self._wanted = self._process.send(text)
        else:
            self._wanted = 0
            self.query_one("#result", Static).update("")

    def _show(self, answer: Answer) -> None:
        assert self._taxonomy is not None
        width = self.query_one("#paths").scrollable_content_region.width
        self.query_one("#result", Static).update(paths_text(self._taxonomy, answer, width))
        accepted = len(answer.labels)
        self._say(f" {accepted} categor{'y' if accepted == 1 else 'ies'} accepted")

    def _fail(self, failure: Failure) -> None:
        self._ready = False
        self._say(f" {printable(failure.message)}")

    def _say(self, message: str) -> None:
        self.query_one("#state", Static).update(message)


def _ready(without_model: int) -> str:
    if not without_model:
        return " Ready: type or paste a text."
    return f" Ready; {without_model} categories have no model yet and are never accepted."


def paths_text(taxonomy: Taxonomy, answer: Answer, width: int) -> Text:
    """The accepted categories in the tree, below the ancestors that lead to them.

    An ancestor that is not accepted itself has no mark. Then come the nearest of the others.
    """
    on_a_path = taxonomy.close(label for label in answer.labels if label in taxonomy)
    rows: list[Text] = []
    for category in taxonomy:
        if category.id in on_a_path:
            accepted = category.id in answer.labels
            name = category.id if category.id == category.name else f"{category.id} {category.name}"
            left = f" {'  ' * (category.level - 1)}{'✓' if accepted else '·'} {printable(name)}"
            rows.append(_row(left, answer.scores.get(category.id, 0.0), width, accepted))
    if not rows:
        rows.append(Text(" No category accepts this text."))
    others = sorted(
        (c for c in answer.scores if c not in on_a_path), key=lambda c: -answer.scores[c]
    )[:_NEAREST]
    if others:
        rows.append(Text("\n nearest of the others", style="dim"))
        rows.extend(_row(f"   {printable(c)}", answer.scores[c], width, False) for c in others)
    return Text("\n").join(rows)


def _row(left: str, score: float, width: int, accepted: bool) -> Text:
    right = f" {bar(score, 10)} {score:.3f} "
    room = max(width - cell_len(right), 10)
    name = left if cell_len(left) <= room else set_cell_size(left, room - 1) + "…"
    return Text(set_cell_size(name, room) + right, style="" if accepted else "dim", no_wrap=True)
