"""Classify: typed text, the categories that accept it, and their most attended words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical, VerticalScroll
from textual.timer import Timer
from textual.widgets import DataTable, Footer, Static, TextArea

from core.corpus.taxonomy import Taxonomy
from core.engine.artifacts.workspace_store import open_store
from core.engine.runs.lookup import Run, run_taxonomy
from core.errors import HTransError
from core.text.plain_text import printable
from htrans_tui.app.actions import Scope, bindings_for
from htrans_tui.app.inference_client import Answer, InferenceClient, Shading, SupersededError
from htrans_tui.app.screens.htrans_screen import HTransScreen
from htrans_tui.app.services import AppServices
from htrans_tui.app.theme_colors import attention_colours
from htrans_tui.app.widgets.plain_label import PlainLabel
from htrans_tui.app.widgets.shaded_text import shaded
from htrans_tui.app.widgets.sparkline import bar
from htrans_tui.formatting import shortened

DEBOUNCE = 0.03
"""Seconds without a key press after which typed text is classified."""
MAX_REJECTED = 3
"""Maximum number of rejected categories that are shown, the most probable ones."""
_MAX_EDITABLE = 5_000
"""Maximum number of editable characters. The rest of a long text is hidden but classified."""
_MAX_TEXTS = 100


class TextBox(TextArea):
    """A text area that hides the rest of a long text, because its layout would take seconds."""

    def __init__(self) -> None:
        super().__init__(id="text", soft_wrap=True, tab_behavior="focus")
        self.rest = ""

    @property
    def full_text(self) -> str:
        """The text including its hidden rest."""
        return self.text + self.rest

    def set_text(self, text: str) -> None:
        """Replace the text."""
        self.rest = text[_MAX_EDITABLE:]
        self.load_text(text[:_MAX_EDITABLE])
        self.move_cursor(self.document.end)

    async def _on_paste(self, event: events.Paste) -> None:
        """Insert a pasted text; hide its rest if it is too long to edit."""
        if len(self.text) + len(event.text) <= _MAX_EDITABLE:
            await super()._on_paste(event)
            return
        event.prevent_default()
        event.stop()
        start, end = sorted((self.selection.start, self.selection.end))
        before, after = (
            self.get_text_range((0, 0), start),
            self.get_text_range(end, self.document.end),
        )
        self.set_text(before + event.text + after + self.rest)


class ClassifyScreen(HTransScreen[None]):
    """Classifies text while it is typed, with one run or several side by side."""

    SCOPE: ClassVar[Scope] = "classify"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("classify")]

    def __init__(self, services: AppServices, runs: Sequence[Run]) -> None:
        super().__init__(services)
        self._runs = tuple({run.id: run for run in runs}.values())
        self._models: dict[int, InferenceClient] = {}
        self._taxonomies: dict[int, Taxonomy] = {}
        self._answers: dict[int, Answer] = {}
        self._messages: dict[int, str] = {}
        self._keys: list[str] = []
        self._timer: Timer | None = None
        self._selected: str | None = None
        self._explained: str | None = None
        self._latest = ""
        self._text_index = 0

    def compose(self) -> ComposeResult:
        """Compose title, text, results, words and footer."""
        names = ", ".join(printable(run.name) for run in self._runs)
        yield Static(f" htrans-tui  classify with {names}", id="title", markup=False)
        yield TextBox()
        yield PlainLabel(" Loading the models …", id="state")
        with Container(id="body"):
            with Vertical(id="paths"):
                yield DataTable(cursor_type="row", id="result", show_header=len(self._runs) > 1)
            with Vertical(id="why"):
                yield PlainLabel("", id="why-title")
                with VerticalScroll(can_focus=True):
                    yield Static("", id="words", markup=False)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Start the inference servers. Typing can begin at once."""
        table = self._table
        table.add_column("category", key="category")
        for run in self._runs:
            table.add_column(printable(run.name) if len(self._runs) > 1 else "", key=str(run.id))
        self._text_index = len(self.services.texts)
        self._box.focus()
        with open_store(self.services.workspace, read_only=True) as store:
            for run in self._runs:
                self._taxonomies[run.id] = run_taxonomy(store, run, trained_only=True)
        for run in self._runs:
            self._models[run.id] = self.services.use_models(run)
            self.run_worker(self._load(run), group=f"load-{run.id}")

    async def on_unmount(self) -> None:
        """Store the text and release the models."""
        self._store_text(self._latest)
        for client in self._models.values():
            await self.services.release_models(client)

    def on_text_area_changed(self) -> None:
        """Classify after `DEBOUNCE` seconds without another change."""
        self._latest = self._box.full_text
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(DEBOUNCE, self._ask)

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        """Show the attention of the category under the cursor."""
        key = event.row_key.value
        if key is not None and self._table.has_focus and key != self._selected:
            self._selected = key
            self._ask(self._runs[0])

    def on_resize(self) -> None:
        """Fit the results to the new width."""
        self.call_after_refresh(self._draw)

    def action_back(self) -> None:
        """Close the screen."""
        self.dismiss()

    def action_clear_text(self) -> None:
        """Clear the text."""
        self._store_text(self._box.full_text)
        self._selected = None
        self._box.set_text("")
        self._ask()

    def action_earlier_text(self) -> None:
        """Recall the previous text."""
        self._recall_text(-1)

    def action_later_text(self) -> None:
        """Recall the next text."""
        self._recall_text(1)

    def _recall_text(self, step: int) -> None:
        index = self._text_index + step
        texts = self.services.texts
        if 0 <= index < len(texts):
            if self._text_index == len(texts):
                self._store_text(self._box.full_text)
            self._text_index = index
            self._box.set_text(texts[index])
        elif index == len(texts):
            self._text_index = index
            self._box.set_text("")

    def _store_text(self, text: str) -> None:
        texts = self.services.texts
        if text.strip() and text not in texts[-1:]:
            texts.append(text)
            del texts[:-_MAX_TEXTS]
        self._text_index = len(texts)

    async def _load(self, run: Run) -> None:
        try:
            without = await self._models[run.id].load()
        except HTransError as error:
            self._messages[run.id] = str(error)
        else:
            self._messages[run.id] = _ready(without)
            if self._has_widgets:
                self._ask(run)
        self._draw_status()

    def _ask(self, only: Run | None = None) -> None:
        text = self._box.full_text
        if not text.strip():
            for run_id in self._answers:
                self._messages[run_id] = "Type or paste a text."
            self._answers.clear()
            self._draw()
            return
        for run in self._runs if only is None else (only,):
            self.run_worker(self._classify(run, text), group=f"ask-{run.id}")

    async def _classify(self, run: Run, text: str) -> None:
        explained = self._cursor_category if run is self._runs[0] else None
        try:
            answer = await self._models[run.id].classify(text, explained)
        except SupersededError:
            return
        except HTransError as error:
            self._messages[run.id] = str(error)
            self._answers.pop(run.id, None)
        else:
            if text != self._box.full_text:
                return
            count = len(answer.labels)
            self._messages[run.id] = f"{count} categor{'y' if count == 1 else 'ies'} accepted"
            self._answers[run.id] = answer
            if run is self._runs[0]:
                self._explained = explained
        self._draw()

    # Drawing

    def _draw(self) -> None:
        if not self._has_widgets:
            return
        self._draw_status()
        table = self._table
        rows = self._rows()
        self._keys = [key for key, _ in rows]
        with self.prevent(DataTable.RowHighlighted):
            table.clear()
            for key, cells in rows:
                table.add_row(*cells, key=key)
            if rows:
                is_listed = self._selected in self._keys
                row = (
                    self._keys.index(self._selected or "") if is_listed else self._first_accepted()
                )
                table.move_cursor(row=row)
        if rows and self._cursor_category != self._explained:
            self._ask(self._runs[0])  # Request the attention of another category.
        else:
            self._draw_words()

    def _first_accepted(self) -> int:
        """Return the row of the deepest accepted category."""
        answer = self._answers.get(self._runs[0].id)
        taxonomy = self._taxonomies[self._runs[0].id]
        accepted = [k for k in self._keys if answer and k in answer.labels and k in taxonomy]
        if not accepted:
            return 0
        return self._keys.index(max(accepted, key=lambda key: taxonomy[key].level))

    def _rows(self) -> list[tuple[str, list[Text]]]:
        """Return the accepted categories as a tree, then the most probable rejected ones."""
        rows: dict[str, str] = {}
        for run in self._runs:
            answer, taxonomy = self._answers.get(run.id), self._taxonomies[run.id]
            on_a_path = taxonomy.ancestor_closure(
                label for a in self._answers.values() for label in a.labels if label in taxonomy
            )
            for category in taxonomy:
                if answer is not None and category.id in on_a_path and category.id not in rows:
                    name = "" if category.id == category.name else f" {category.name}"
                    rows[category.id] = f"{'  ' * (category.level - 1)}{category.id}{name}"
        first = self._answers.get(self._runs[0].id)
        if first is not None:
            others = sorted(
                (c for c in first.scores if c not in rows), key=lambda c: -first.scores[c]
            )
            rows |= {c: f"… {c}" for c in others[:MAX_REJECTED]}
        width = max(self._table.size.width - 13 * len(self._runs) - 4, 12)
        labelled_rows = []
        for key, name in rows.items():
            accepted = any(key in answer.labels for answer in self._answers.values())
            cells = [Text(shortened(printable(name), width), "" if accepted else "dim")]
            cells += [self._cell(run, key) for run in self._runs]
            labelled_rows.append((key, cells))
        return labelled_rows

    def _cell(self, run: Run, key: str) -> Text:
        answer = self._answers.get(run.id)
        if answer is None or key not in answer.scores:
            return Text("")
        score, accepted = answer.scores[key], key in answer.labels
        return Text(
            f"{'✓' if accepted else ' '} {bar(score, 4)} {score:.3f}", "" if accepted else "dim"
        )

    def _draw_words(self) -> None:
        answer = self._answers.get(self._runs[0].id)
        shading = Shading() if answer is None else answer.shading
        title = ""
        if answer is not None and self._cursor_category is not None:
            key = printable(self._cursor_category)
            title = f" most attended words of {key}" if shading.spans else f" {key}: no attention"
        self.query_one("#why-title", PlainLabel).set_text(title)
        text = self._box.full_text if shading.spans else ""
        words = shaded(text, shading.spans, shading.weights, attention_colours(self.app))
        self.query_one("#words", Static).update(words)

    def _draw_status(self) -> None:
        if not self._has_widgets:
            return
        parts = []
        for run in self._runs:
            message = printable(self._messages.get(run.id, "Loading the models …"))
            parts.append(message if len(self._runs) == 1 else f"{printable(run.name)}: {message}")
        if self._box.rest:
            parts.append(f"{len(self._box.rest):,} more characters, hidden but classified")
        self.query_one("#state", PlainLabel).set_text(" " + "   ".join(parts))

    @property
    def _cursor_category(self) -> str | None:
        """The category under the cursor."""
        row = self._table.cursor_row
        return self._keys[row] if 0 <= row < len(self._keys) else None

    @property
    def _has_widgets(self) -> bool:
        """Whether the widgets exist: an answer can arrive while the screen closes."""
        return self.is_attached and bool(self.query("#words"))

    @property
    def _box(self) -> TextBox:
        return self.query_one(TextBox)

    @property
    def _table(self) -> DataTable[Text]:
        return cast("DataTable[Text]", self.query_one("#result", DataTable))


def _ready(without_model: int) -> str:
    if not without_model:
        return "Ready: type or paste a text."
    return f"Ready; {without_model} categories without a model are never accepted."
