"""Predictions: what a category's model gets right and wrong, its words, its threshold."""

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
_POINTS = 300
_WIDE_ENOUGH, _TALL_ENOUGH = 28, 46
"""Lines of a terminal that has room for the curve, beside the list or below it."""
_SETTLE = 0.08
"""Seconds that the cursor rests before the model is asked about a text."""


class SearchBox(Input):
    """Where words are typed that documents must have; see `FilterBox` for why enter is first."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "screen.keep_search", "Keep", show=False, priority=True)
    ]


class PredictionsScreen(ThresholdScreen):
    """One category of one run. Beside each other on a wide terminal, else below each other."""

    SCOPE: ClassVar[Scope] = "predictions"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("predictions")]

    def __init__(self, services: AppServices, run: Run, category: RunCategory) -> None:
        super().__init__(services)
        self._run = run
        self._category = category
        self._models = services.use_models(run)
        self._kind: int | None = None
        self._reversed = False
        self._asked = ""
        self._found: np.ndarray[tuple[int], np.dtype[np.bool_]] | None = None
        self._marked: set[int] = set()
        self._with_curve = True
        self._curve: PrecisionRecall | None = None
        self._generation = 0

    def compose(self) -> ComposeResult:
        """Title, measures, list and text, footer."""
        yield PlainLabel("", id="title")
        yield PlainLabel(" Reading the scores …", id="measures")
        with Container(id="body"):
            with Vertical(id="found"):
                yield PlainLabel("", id="kind")
                yield DocumentList(id="documents")
                yield PlainLabel("", id="search-said")
                yield SearchBox(placeholder="words that documents have", id="search")
            with Vertical(id="reading"):
                yield DocumentView()
                yield PrecisionRecallPlot()
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Read the test split."""
        for hidden in ("#search", "#search-said"):
            self.query_one(hidden).display = False
        self._list.focus()
        self._store = open_store(self.services.workspace, read_only=True)
        self._taxonomy = run_taxonomy(self._store, self._run)
        self._open("test")

    async def on_unmount(self) -> None:
        """Leave the models to others."""
        self._store.close()
        await self.services.release_models(self._models)

    def on_resize(self) -> None:
        """The curve leaves first where there is little room."""
        self.call_after_refresh(self._fit)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether an action is there: a search is not begun while one is typed."""
        if action == "search" and isinstance(self.focused, SearchBox):
            return False
        return super().check_action(action, parameters)

    def show(self, snapshot: Snapshot) -> None:  # noqa: ARG002
        """Notice that the category has been trained again, or its threshold set elsewhere."""
        if self._predictions is None:
            return
        try:
            current = category_with_id(self._store, self._category.id)
        except HTransError:
            return  # the run has been deleted; what is on screen stays readable
        if current.kept_trial_id != self._category.kept_trial_id:
            self._category = current
            self.notify(
                printable(f"{current.key} has been trained again: its new model is shown"),
                markup=False,
            )
            self._open(self._predictions.split)
            return
        self._read_rule(keep=True)

    def use(self, preferences: Preferences) -> None:  # noqa: ARG002
        """Shades follow the theme."""
        self.query_one(DocumentView).draw()

    def leave(self) -> None:
        """Nothing here is remembered."""

    # Reading

    def _open(self, split: str) -> None:
        self._generation += 1
        self.run_worker(self._read(split, self._generation), group="reading", exclusive=True)

    async def _read(self, split: str, generation: int) -> None:
        said = self.query_one("#measures", PlainLabel)
        self._title(split)

        def read() -> tuple[CategoryPredictions, PrecisionRecall, float]:
            workspace = self.services.workspace
            with open_store(workspace, read_only=True) as store:
                found = CategoryPredictions(store, workspace, self._run, self._category)
                found.open_split(split)
                # What takes long the first time is done here, not when the first key comes.
                if len(found.ranked):
                    found.others(store, 0)
                return found, found.ranked.curve(_POINTS), found.ranked.best

        try:
            try:
                found, curve, _ = await asyncio.to_thread(read)
            except NotPreparedError:
                said.say(f" Scoring the {split} documents of {printable(self._category.key)} …")
                await self._models.prepare(self._category.key, split)
                found, curve, _ = await asyncio.to_thread(read)
        except HTransError as error:
            said.say(f" {printable(str(error))}")
            return
        if generation != self._generation or not self.query("#documents"):
            return
        self._predictions = found
        self._found = None
        self._asked = ""
        self.query_one("#search", SearchBox).value = ""
        self._read_rule(keep=False)
        if self._kind is None:
            self._kind = _first_kind(found, self._least)
        self._list.open(lambda place: found.text(self._store, place), self._probability_of)
        self._curve = curve
        self._title(split)
        self._draw()

    # Drawing

    def _title(self, split: str) -> None:
        found = self._predictions
        number = f" · {len(found.ranked):,} documents" if found and found.split == split else ""
        self.query_one("#title", PlainLabel).say(
            f" htrans-tui  {printable(self._category.key)} · predictions of "
            f"{printable(self._run.name)} · {split}{number}"
        )

    def _draw(self) -> None:
        found = self._predictions
        if found is None or self._kind is None:
            return
        counts = found.ranked.counts(self._least)
        rates = counts.rates
        parts = [
            f" from {self._shown(self._least):.3f}",
            f"P {rates.precision:.3f}  R {rates.recall:.3f}  F1 {rates.f1:.3f}",
            f"TP {counts.tp:,}  FP {counts.fp:,}  FN {counts.fn:,}",
        ]
        if self._least != self._rule.least:
            parts.append(f"not saved: {self._shown(self._rule.least):.3f} holds")
        elif self._saved:
            parts.append(self._saved)
        self.query_one("#measures", PlainLabel).say("   ".join(parts))
        kind, name = KINDS[self._kind]
        places = found.ranked.documents(kind, self._least)
        if self._reversed:
            places = places[::-1]
        every = len(places)
        if self._found is not None:
            places = places[self._found[places]]
        self._list.show(places, self._marked)
        shown = f"{len(places):,} of {every:,}" if self._found is not None else f"{every:,}"
        others = " ".join(f"[{n}]" if i == self._kind else n for i, (n, _) in enumerate(KINDS))
        order = "least sure first" if self._reversed else "surest first"
        self.query_one("#kind", PlainLabel).say(f" {shown} {name}, {order}   {others.upper()}")
        said = self.query_one("#search-said", PlainLabel)
        said.display = bool(self._asked) and not self.query_one("#search").display
        said.say(f" with {printable(self._asked)!r}")
        if self._curve is not None:
            plot = self.query_one(PrecisionRecallPlot)
            plot.show(found.ranked, self._curve, self._rule, self._least)

    def _fit(self) -> None:
        needed = _TALL_ENOUGH if self.has_class("-narrow") else _WIDE_ENOUGH
        room = self.app.size.height >= needed
        self.query_one(PrecisionRecallPlot).display = self._with_curve and room

    # The document under the cursor

    def on_document_list_highlighted(self, message: DocumentList.Highlighted) -> None:
        """Show the document."""
        self._select(message.place)

    def _select(self, place: int | None) -> None:
        found, view = self._predictions, self.query_one(DocumentView)
        if found is None or place is None:
            view.show(None, self._taxonomy)
            return
        key, text = found.text(self._store, place)
        view.show(
            ShownDocument(
                key,
                text,
                self._category.key,
                bool(found.ranked.targets[place]),
                self._probability_of(place),
                found.others(self._store, place),
            ),
            self._taxonomy,
        )
        self.run_worker(self._shade(text, place), group="shading", exclusive=True)

    async def _shade(self, text: str, place: int) -> None:
        await asyncio.sleep(_SETTLE)
        try:
            shading = await self._models.explain(text, self._category.key)
        except SupersededError:
            return
        except HTransError as error:
            for view in self.query(DocumentView):
                view.say(str(error))
            return
        if self.query("#documents") and place == self._list.place:
            self.query_one(DocumentView).shade(shading)

    def _probability_of(self, place: int) -> float:
        assert self._predictions is not None
        score = self._predictions.ranked.scores[place : place + 1]
        return float(self._rule.probabilities(score)[0])

    # Actions

    def action_next_kind(self) -> None:
        """False positives, false negatives, true positives."""
        if self._kind is not None:
            self._kind = (self._kind + 1) % len(KINDS)
            self._draw()

    def action_reverse(self) -> None:
        """Least sure first, or surest first."""
        self._reversed = not self._reversed
        self._draw()

    def action_next_split(self) -> None:
        """Test or validation documents, after a question about marks that are not written."""
        if self._predictions is not None:
            other = "validation" if self._predictions.split == "test" else "test"
            self._with_marks_settled(lambda: self._open(other))

    def action_search(self) -> None:
        """Type words that documents must have."""
        box = self.query_one("#search", SearchBox)
        box.display = True
        self.query_one("#search-said").display = False
        self.set_focus(box)

    def action_keep_search(self) -> None:
        """Search for what was typed."""
        box = self.query_one("#search", SearchBox)
        box.display = False
        self.set_focus(self._list)
        # Enter comes first; what was typed before it may still be on its way to the box.
        box.call_later(lambda: self._search(box.value.strip()))

    def _search(self, asked: str) -> None:
        self._asked = asked
        if not asked:
            self._found = None
            self._draw()
            return
        self.run_worker(self._find(asked), group="search", exclusive=True)

    async def _find(self, asked: str) -> None:
        found = self._predictions
        if found is None:
            return
        said = self.query_one("#search-said", PlainLabel)
        said.display = True
        stopped = False

        def progress(done: int, total: int) -> None:
            self.app.call_from_thread(
                said.say, f" indexing the texts, once: {done:,} of {total:,} documents"
            )

        def look() -> np.ndarray[tuple[int], np.dtype[np.bool_]] | None:
            workspace, corpus_id = self.services.workspace, self._run.corpus_id
            if not ensure_search_index(workspace, corpus_id, progress, lambda: stopped):
                return None
            return found.find(asked)

        try:
            result = await asyncio.to_thread(look)
        except HTransError as error:
            self._asked, self._found = "", None
            said.display = False
            self.notify(printable(str(error)), severity="error", markup=False)
        else:
            if asked == self._asked and found is self._predictions:
                self._found = result
        finally:
            stopped = True
        self._draw()

    def action_mark(self) -> None:
        """Mark the document under the cursor, whose labels look wrong, or no longer."""
        place = self._list.place
        if place is not None:
            self._marked ^= {place}
            self._draw()
            self._list.action_move(1)

    def action_write_marked(self) -> None:
        """Append the marked documents to a file."""
        self._write_marked()

    def _write_marked(self, then: Callable[[], None] = lambda: None) -> None:
        found = self._predictions
        if found is None or not self._marked:
            self.notify("mark documents with the space bar first", severity="warning")
            return
        places = sorted(self._marked)

        def write(path: Path) -> str:
            number = found.note(self._store, places, path)
            self._marked.difference_update(places)
            self._draw()
            then()
            return f"{number} documents"

        self.services.ask_path(
            "Append the marked documents to (.jsonl)", Path("suspicious-labels.jsonl"), write
        )

    def action_save(self) -> None:
        """Write the list to a CSV file; it can be long, so that a thread does."""
        found, kind = self._predictions, KINDS[self._kind or 0][0]
        if found is None:
            return
        places = self._list.places
        probabilities = self._rule.probabilities(found.ranked.scores[places]).tolist()
        workspace = self.services.workspace

        def rows() -> Iterator[tuple[str, str, float, str]]:
            with open_store(workspace, read_only=True) as store:
                for place, probability in zip(places.tolist(), probabilities, strict=True):
                    key, text = found.text(store, place)
                    yield kind, key, probability, " ".join(text.split())

        name = f"{self._category.key}-{kind}.csv".replace("/", "-")
        header = ["kind", "id", "probability", "text"]
        self.services.save_table(Path(name), header, rows, in_thread=True)

    def action_curve(self) -> None:
        """Show the precision-recall curve, or more of the text."""
        self._with_curve = not self._with_curve
        self._fit()

    def action_back(self) -> None:
        """End the search, or go back, after a question about marks that are not written."""
        box = self.query_one("#search", SearchBox)
        if box.display or self._asked:
            box.value = ""
            box.display = False
            self.set_focus(self._list)
            self._search("")
        else:
            self._with_marks_settled(self._leave)

    def _with_marks_settled(self, then: Callable[[], None]) -> None:
        """Do `then` once no mark would be lost by it."""
        if not self._marked:
            then()
            return
        question = f"{len(self._marked)} marked documents are not written to a file."
        choices = [Choice("write", "write them"), Choice("drop", "drop the marks")]

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


def _first_kind(found: CategoryPredictions, least: float) -> int:
    """Where a look begins: with the first kind that has documents, false positives first."""
    filled = (i for i, (kind, _) in enumerate(KINDS) if len(found.ranked.documents(kind, least)))
    return next(filled, 0)
