"""Predictions: decisions of a category's model on its documents, with a movable threshold."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.widgets import Footer, Input

from core.engine.artifacts.text_search import ensure_search_index
from core.engine.artifacts.workspace_store import open_store
from core.engine.inspection.predictions import CategoryPredictions, NotPreparedError
from core.engine.runs.lookup import Run, RunCategory, category_with_id, run_taxonomy
from core.errors import HTransError
from core.metrics.ranking import Kind, PrecisionRecall
from core.text.plain_text import printable
from htrans_tui.app.actions import Scope, bindings_for
from htrans_tui.app.inference_client import SupersededError
from htrans_tui.app.preferences import Preferences
from htrans_tui.app.screens.dialogs import Choice, ChoiceDialog
from htrans_tui.app.screens.threshold import ThresholdScreen
from htrans_tui.app.services import AppServices
from htrans_tui.app.snapshot import Snapshot
from htrans_tui.app.widgets.document_list import DocumentList
from htrans_tui.app.widgets.document_view import DocumentView, ShownDocument
from htrans_tui.app.widgets.plain_label import PlainLabel
from htrans_tui.app.widgets.precision_recall import PrecisionRecallPlot

KINDS: tuple[tuple[Kind, str], ...] = (
    ("fp", "false positives"),
    ("fn", "false negatives"),
    ("tp", "true positives"),
)
_CURVE_POINTS = 300
_MIN_HEIGHT_WIDE, _MIN_HEIGHT_NARROW = 28, 46
"""Minimum terminal heights for the curve, on wide and on narrow terminals."""
_EXPLAIN_DELAY_S = 0.08
"""Seconds that the cursor rests on a document before its attention is requested."""


class SearchBox(Input):
    """Input of the search. Enter has priority for the reason given in `FilterBox`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "screen.keep_search", "Keep", show=False, priority=True)
    ]


class PredictionsScreen(ThresholdScreen):
    """Shows one category of a run: side by side on wide terminals, stacked on narrow ones."""

    SCOPE: ClassVar[Scope] = "predictions"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("predictions")]

    def __init__(self, services: AppServices, run: Run, category: RunCategory) -> None:
        super().__init__(services)
        self._run = run
        self._category = category
        self._models = services.use_models(run)
        self._kind: int | None = None
        self._reversed = False
        self._query = ""
        self._matches: np.ndarray[tuple[int], np.dtype[np.bool_]] | None = None
        self._marked: set[int] = set()
        self._with_curve = True
        self._curve: PrecisionRecall | None = None
        self._generation = 0

    def compose(self) -> ComposeResult:
        """Compose title, metrics, list, document and footer."""
        yield PlainLabel("", id="title")
        yield PlainLabel(" Reading the scores …", id="metrics")
        with Container(id="body"):
            with Vertical(id="document-list"):
                yield PlainLabel("", id="kind")
                yield DocumentList(id="documents")
                yield PlainLabel("", id="search-text")
                yield SearchBox(placeholder="words in the document", id="search")
            with Vertical(id="reading"):
                yield DocumentView()
                yield PrecisionRecallPlot()
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Open the test documents."""
        for hidden in ("#search", "#search-text"):
            self.query_one(hidden).display = False
        self._list.focus()
        self._store = open_store(self.services.workspace, read_only=True)
        self._taxonomy = run_taxonomy(self._store, self._run)
        self._open("test")

    async def on_unmount(self) -> None:
        """Close the database and release the models."""
        self._store.close()
        await self.services.release_models(self._models)

    def on_resize(self) -> None:
        """Hide the curve if the terminal is too small."""
        self.call_after_refresh(self._fit)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Return whether an action is available: not `search` while a search is typed."""
        if action == "search" and isinstance(self.focused, SearchBox):
            return False
        return super().check_action(action, parameters)

    def show(self, snapshot: Snapshot) -> None:  # noqa: ARG002
        """Reload if the category was retrained or its threshold changed elsewhere."""
        if self._predictions is None:
            return
        try:
            current = category_with_id(self._store, self._category.id)
        except HTransError:
            return  # The run was deleted; keep showing what was read.
        if current.kept_trial_id != self._category.kept_trial_id:
            self._category = current
            self.notify(
                printable(f"{current.key} was retrained. Showing the new model."),
                markup=False,
            )
            self._open(self._predictions.split)
            return
        self._read_rule(keep=True)

    def apply_preferences(self, preferences: Preferences) -> None:  # noqa: ARG002
        """Redraw the document in the colours of the theme."""
        self.query_one(DocumentView).draw()

    def leave(self) -> None:
        """Do nothing: this screen saves no view."""

    # Reading

    def _open(self, split: str) -> None:
        self._generation += 1
        self.run_worker(self._read(split, self._generation), group="reading", exclusive=True)

    async def _read(self, split: str, generation: int) -> None:
        label = self.query_one("#metrics", PlainLabel)
        self._title(split)

        def read() -> tuple[CategoryPredictions, PrecisionRecall, float]:
            workspace = self.services.workspace
            with open_store(workspace, read_only=True) as store:
                predictions = CategoryPredictions(store, workspace, self._run, self._category)
                predictions.open_split(split)
                # Fill the caches in this thread, so that the first key press is fast.
                if len(predictions.ranked):
                    predictions.others(store, 0)
                ranked = predictions.ranked
                return predictions, ranked.curve(_CURVE_POINTS), ranked.best

        try:
            try:
                predictions, curve, _ = await asyncio.to_thread(read)
            except NotPreparedError:
                key = printable(self._category.key)
                label.set_text(f" Scoring the {split} documents of {key} …")
                await self._models.prepare(self._category.key, split)
                predictions, curve, _ = await asyncio.to_thread(read)
        except HTransError as error:
            label.set_text(f" {printable(str(error))}")
            return
        if generation != self._generation or not self.query("#documents"):
            return
        self._predictions = predictions
        self._matches = None
        self._query = ""
        self.query_one("#search", SearchBox).value = ""
        self._read_rule(keep=False)
        if self._kind is None:
            self._kind = _first_kind(predictions, self._min_score)
        self._list.open(lambda index: predictions.text(self._store, index), self._probability_of)
        self._curve = curve
        self._title(split)
        self._draw()

    # Drawing

    def _title(self, split: str) -> None:
        predictions = self._predictions
        count = ""
        if predictions is not None and predictions.split == split:
            count = f" · {len(predictions.ranked):,} documents"
        self.query_one("#title", PlainLabel).set_text(
            f" htrans-tui  {printable(self._category.key)} · predictions of "
            f"{printable(self._run.name)} · {split}{count}"
        )

    def _draw(self) -> None:
        predictions = self._predictions
        if predictions is None or self._kind is None:
            return
        counts = predictions.ranked.counts(self._min_score)
        rates = counts.rates
        threshold = f" threshold {self._probability(self._min_score):.3f}"
        is_active = self._min_score == self._rule.min_score
        if not is_active:
            threshold += f", active {self._probability(self._rule.min_score):.3f}"
        parts = [
            threshold,
            f"P {rates.precision:.3f}  R {rates.recall:.3f}  F1 {rates.f1:.3f}",
            f"TP {counts.tp:,}  FP {counts.fp:,}  FN {counts.fn:,}",
        ]
        if is_active and self._saved_note:
            parts.append(self._saved_note)
        self.query_one("#metrics", PlainLabel).set_text("   ".join(parts))
        kind, name = KINDS[self._kind]
        documents = predictions.ranked.documents(kind, self._min_score)
        if self._reversed:
            documents = documents[::-1]
        total = len(documents)
        if self._matches is not None:
            documents = documents[self._matches[documents]]
        self._list.show(documents, self._marked)
        count = f"{len(documents):,} of {total:,}" if self._matches is not None else f"{total:,}"
        kinds = " ".join(f"[{n}]" if i == self._kind else n for i, (n, _) in enumerate(KINDS))
        order = "least confident first" if self._reversed else "most confident first"
        self.query_one("#kind", PlainLabel).set_text(f" {count} {name}, {order}   {kinds.upper()}")
        label = self.query_one("#search-text", PlainLabel)
        label.display = bool(self._query) and not self.query_one("#search").display
        label.set_text(f" matching {printable(self._query)!r}")
        if self._curve is not None:
            plot = self.query_one(PrecisionRecallPlot)
            plot.show(predictions.ranked, self._curve, self._rule, self._min_score)

    def _fit(self) -> None:
        min_height = _MIN_HEIGHT_NARROW if self.has_class("-narrow") else _MIN_HEIGHT_WIDE
        fits = self.app.size.height >= min_height
        self.query_one(PrecisionRecallPlot).display = self._with_curve and fits

    # The document under the cursor

    def on_document_list_highlighted(self, message: DocumentList.Highlighted) -> None:
        """Show the document."""
        self._select(message.index)

    def _select(self, index: int | None) -> None:
        predictions, view = self._predictions, self.query_one(DocumentView)
        if predictions is None or index is None:
            view.show(None, self._taxonomy)
            return
        key, text = predictions.text(self._store, index)
        view.show(
            ShownDocument(
                key,
                text,
                self._category.key,
                bool(predictions.ranked.targets[index]),
                self._probability_of(index),
                predictions.others(self._store, index),
            ),
            self._taxonomy,
        )
        self.run_worker(self._shade(text, index), group="shading", exclusive=True)

    async def _shade(self, text: str, index: int) -> None:
        await asyncio.sleep(_EXPLAIN_DELAY_S)
        try:
            shading = await self._models.explain(text, self._category.key)
        except SupersededError:
            return
        except HTransError as error:
            for view in self.query(DocumentView):
                view.show_problem(str(error))
            return
        if self.query("#documents") and index == self._list.cursor_document:
            self.query_one(DocumentView).shade(shading)

    def _probability_of(self, index: int) -> float:
        assert self._predictions is not None
        score = self._predictions.ranked.scores[index : index + 1]
        return float(self._rule.probabilities(score)[0])

    # Actions

    def action_next_kind(self) -> None:
        """Cycle false positives, false negatives and true positives."""
        if self._kind is not None:
            self._kind = (self._kind + 1) % len(KINDS)
            self._draw()

    def action_reverse(self) -> None:
        """Reverse the order of the documents."""
        self._reversed = not self._reversed
        self._draw()

    def action_next_split(self) -> None:
        """Switch between test and validation documents, after a question about unwritten marks."""
        if self._predictions is not None:
            other = "validation" if self._predictions.split == "test" else "test"
            self._after_resolving_marks(lambda: self._open(other))

    def action_search(self) -> None:
        """Open the search."""
        box = self.query_one("#search", SearchBox)
        box.display = True
        self.query_one("#search-text").display = False
        self.set_focus(box)

    def action_keep_search(self) -> None:
        """Search for the typed words."""
        box = self.query_one("#search", SearchBox)
        box.display = False
        self.set_focus(self._list)
        # Enter has priority: keys typed before it may still be in the queue of the box.
        box.call_later(lambda: self._search(box.value.strip()))

    def _search(self, query: str) -> None:
        self._query = query
        if not query:
            self._matches = None
            self._draw()
            return
        self.run_worker(self._find(query), group="search", exclusive=True)

    async def _find(self, query: str) -> None:
        predictions = self._predictions
        if predictions is None:
            return
        label = self.query_one("#search-text", PlainLabel)
        label.display = True
        stopped = False

        def progress(done: int, total: int) -> None:
            self.app.call_from_thread(
                label.set_text, f" creating the search index: {done:,} of {total:,} documents"
            )

        def find() -> np.ndarray[tuple[int], np.dtype[np.bool_]] | None:
            workspace, corpus_id = self.services.workspace, self._run.corpus_id
            if not ensure_search_index(workspace, corpus_id, progress, lambda: stopped):
                return None
            return predictions.find(query)

        try:
            result = await asyncio.to_thread(find)
        except HTransError as error:
            self._query, self._matches = "", None
            label.display = False
            self.notify(printable(str(error)), severity="error", markup=False)
        else:
            if query == self._query and predictions is self._predictions:
                self._matches = result
        finally:
            stopped = True
        self._draw()

    def action_mark(self) -> None:
        """Toggle the mark of the document under the cursor."""
        index = self._list.cursor_document
        if index is not None:
            self._marked ^= {index}
            self._draw()
            self._list.action_move(1)

    def action_write_marked(self) -> None:
        """Append the marked documents to a file."""
        self._write_marked()

    def _write_marked(self, then: Callable[[], None] = lambda: None) -> None:
        predictions = self._predictions
        if predictions is None or not self._marked:
            self.notify("Mark documents with Space first.", severity="warning")
            return
        marked = sorted(self._marked)

        def write(path: Path) -> str:
            count = predictions.note(self._store, marked, path)
            self._marked.difference_update(marked)
            self._draw()
            then()
            return f"{count} documents"

        question = "Append the marked documents to a JSON lines file:"
        self.services.ask_path(question, Path("suspicious-labels.jsonl"), write)

    def action_save(self) -> None:
        """Write the list to a CSV file, in a thread because it can be long."""
        predictions, kind = self._predictions, KINDS[self._kind or 0][0]
        if predictions is None:
            return
        documents = self._list.documents
        probabilities = self._rule.probabilities(predictions.ranked.scores[documents]).tolist()
        workspace = self.services.workspace

        def rows() -> Iterator[tuple[str, str, float, str]]:
            with open_store(workspace, read_only=True) as store:
                for index, probability in zip(documents.tolist(), probabilities, strict=True):
                    key, text = predictions.text(store, index)
                    yield kind, key, probability, " ".join(text.split())

        name = f"{self._category.key}-{kind}.csv".replace("/", "-")
        header = ["kind", "id", "probability", "text"]
        self.services.save_table(Path(name), header, rows, in_thread=True)

    def action_curve(self) -> None:
        """Show or hide the precision-recall curve."""
        self._with_curve = not self._with_curve
        self._fit()

    def action_back(self) -> None:
        """Clear the search, or go back after a question about unwritten marks."""
        box = self.query_one("#search", SearchBox)
        if box.display or self._query:
            box.value = ""
            box.display = False
            self.set_focus(self._list)
            self._search("")
        else:
            self._after_resolving_marks(self._leave)

    def _after_resolving_marks(self, then: Callable[[], None]) -> None:
        """Call `then` once the user has written or dropped the marks."""
        if not self._marked:
            then()
            return
        question = f"{len(self._marked)} marked documents are not saved."
        choices = [Choice("write", "write them to a file"), Choice("drop", "discard the marks")]

        def answered(answer: str | None) -> None:
            if answer == "write":
                self._write_marked(then)
            elif answer == "drop":
                self._marked.clear()
                then()

        self.app.push_screen(ChoiceDialog(question, choices), answered)

    def _leave(self) -> None:
        self.dismiss()

    @property
    def _list(self) -> DocumentList:
        return self.query_one("#documents", DocumentList)


def _first_kind(predictions: CategoryPredictions, min_score: float) -> int:
    """Return the index of the first kind with documents, 0 if all are empty."""
    ranked = predictions.ranked
    filled = (i for i, (kind, _) in enumerate(KINDS) if len(ranked.documents(kind, min_score)))
    return next(filled, 0)
