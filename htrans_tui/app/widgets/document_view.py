"""A document with its labels, the decisions of other categories, and attention shading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from core.corpus.taxonomy import Taxonomy
from core.engine.inspection.predictions import OtherScore
from core.text.plain_text import printable
from htrans_tui.app.inference_client import Shading
from htrans_tui.app.theme_colors import attention_colours
from htrans_tui.app.widgets.shaded_text import shaded


@dataclass(frozen=True, slots=True)
class ShownDocument:
    """A document as scored by one category, `category`."""

    id: str
    text: str
    category: str
    is_label: bool
    probability: float
    others: Sequence[OtherScore]


class DocumentView(Vertical):
    """Shows a document: labels above the scrollable text."""

    def __init__(self) -> None:
        super().__init__(id="document-view")
        self._shown: ShownDocument | None = None
        self._shading = Shading()

    def compose(self) -> ComposeResult:
        """Compose labels and text."""
        yield Static("", id="labels", markup=False)
        with VerticalScroll(id="document", can_focus=True):
            yield Static("", id="text-shown", markup=False)

    def show(self, document: ShownDocument | None, taxonomy: Taxonomy) -> None:
        """Show a document from its beginning without shading, or nothing for None."""
        self._shown, self._shading = document, Shading()
        labels = Text() if document is None else _labels(document, taxonomy)
        self.query_one("#labels", Static).update(labels)
        self.draw()
        self.query_one("#document", VerticalScroll).scroll_home(animate=False)

    def shade(self, shading: Shading) -> None:
        """Shade the words of the current document."""
        self._shading = shading
        self.draw()

    def show_problem(self, problem: str) -> None:
        """Show an error instead of the labels."""
        self.query_one("#labels", Static).update(Text(printable(problem)))

    def draw(self) -> None:
        """Redraw the text in the colours of the theme."""
        text = "" if self._shown is None else self._shown.text
        words = shaded(
            text, self._shading.spans, self._shading.weights, attention_colours(self.app)
        )
        self.query_one("#text-shown", Static).update(words)


def _labels(document: ShownDocument, taxonomy: Taxonomy) -> Text:
    is_or_not = "is" if document.is_label else "is not"
    text = Text(overflow="fold")
    text.append(f" {printable(document.id)}  {document.probability:.3f}", "bold")
    text.append(f"  {is_or_not} {printable(document.category)}")
    labels = [other for other in document.others if other.is_label]
    if labels:
        text.append("\n labels: " + ", ".join(map(_other, labels)))
    wrong = [other for other in document.others if other.accepted and not other.is_label]
    if wrong:
        relations = (_relation(taxonomy, document.category, other.key) for other in wrong)
        named = (_other(other) + relation for other, relation in zip(wrong, relations, strict=True))
        text.append("\n also accepted: " + ", ".join(named))
    return text


def _relation(taxonomy: Taxonomy, category: str, other: str) -> str:
    parent = taxonomy[category].parent
    if parent == other:
        return " (its parent)"
    if parent is not None and taxonomy[other].parent == parent:
        return " (a sibling)"
    return ""


def _other(other: OtherScore) -> str:
    probability = "" if other.probability is None else f" {other.probability:.3f}"
    sign = "✓" if other.accepted else "✗" if other.probability is not None else "·"
    return f"{sign} {printable(other.key)}{probability}"
