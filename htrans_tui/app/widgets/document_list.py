"""A list of documents with a score each, of any length: only the lines on screen are made."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from rich.cells import set_cell_size
from rich.segment import Segment
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from core.text.plain_text import printable
from htrans_tui.app.widgets.line_list import LineList

_KEPT = 2000
"""Documents whose first words are kept."""
_FIRST = 300
"""Characters of a text that a line can need."""
_NOTHING = -1
"""Nothing has been said yet, not even that the list is empty."""
MARK = "⚑"

Places = npt.NDArray[np.int64]
Read = Callable[[int], tuple[str, str]]
"""A place to the document's id and text."""


class DocumentList(LineList):
    """One line for each document: its mark, probability, id and first words."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"document-list--cursor"}

    class Highlighted(Message):
        """Another document is under the cursor, None of an empty list."""

        def __init__(self, place: int | None) -> None:
            super().__init__()
            self.place = place

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._places: Places = np.zeros(0, dtype=np.int64)
        self._probability: Callable[[int], float] = lambda _: 0.0
        self._read: Read = lambda _: ("", "")
        self._marked: Collection[int] = ()
        self._said: int | None = _NOTHING
        self._texts: OrderedDict[int, tuple[str, str]] = OrderedDict()

    @property
    def length(self) -> int:
        """How many documents are listed."""
        return len(self._places)

    @property
    def place(self) -> int | None:
        """The document under the cursor, as a place in the split."""
        return int(self._places[self._cursor]) if len(self._places) else None

    @property
    def places(self) -> Places:
        """All that are listed, in the order of the list."""
        return self._places

    def open(self, read: Read, probability: Callable[[int], float]) -> None:
        """List documents of another split: `read` and `probability` know their places."""
        self._read, self._probability = read, probability
        self._texts.clear()
        self._cursor, self._said = 0, _NOTHING

    def show(self, places: Places, marked: Collection[int]) -> None:
        """List these; the cursor stays on its document, or where it was in the list."""
        before = self.place
        same = len(places) == len(self._places) and np.array_equal(places, self._places)
        self._marked = marked
        if not same:
            self._places = places
            found = np.flatnonzero(places == (-1 if before is None else before))
            last = max(len(places) - 1, 0)
            self._cursor = int(found[0]) if len(found) else min(self._cursor, last)
            self.virtual_size = Size(self.size.width, len(places))
            self._into_view()
        self.refresh()
        self.moved()

    def moved(self) -> None:
        """Say so if another document is under the cursor."""
        if self.place != self._said:
            self._said = self.place
            self.post_message(self.Highlighted(self.place))

    def line(self, number: int) -> str:
        """A line of the list as plain text."""
        place = int(self._places[number])
        key, text = self._document(place)
        mark = MARK if place in self._marked else " "
        return f"{mark}{self._probability(place):.3f} {printable(key)}  {printable(text)}"

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to what is clicked."""
        number = event.y + self.scroll_offset.y
        if number < len(self._places):
            self._move(number)

    def on_resize(self) -> None:
        """The cursor stays in view."""
        self.virtual_size = Size(self.size.width, len(self._places))
        self._into_view()

    def render_line(self, y: int) -> Strip:
        """A line of the screen."""
        number = y + self.scroll_offset.y
        width = self.size.width
        if number >= len(self._places):
            return Strip.blank(width, self.rich_style)
        style = self.rich_style
        if number == self._cursor:
            style = self.get_component_rich_style("document-list--cursor")
        return Strip([Segment(set_cell_size(self.line(number), width), style)], width)

    def _document(self, place: int) -> tuple[str, str]:
        known = self._texts.get(place)
        if known is None:
            key, text = self._read(place)
            known = key, " ".join(text[:_FIRST].split())
            self._texts[place] = known
            if len(self._texts) > _KEPT:
                self._texts.popitem(last=False)
        return known
