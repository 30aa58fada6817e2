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
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from core.plain_text import printable

_KEPT = 2000
"""Documents whose first words are kept."""
_FIRST = 300
"""Characters of a text that a line can need."""
MARK = "⚑"

Places = npt.NDArray[np.int64]
Read = Callable[[int], tuple[str, str]]
"""A place to the document's id and text."""


class DocumentList(ScrollView, can_focus=True):
    """One line for each document: its mark, probability, id and first words."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"document-list--cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "move_to(0)", "First", show=False),
        Binding("end", "move_to(-1)", "Last", show=False),
    ]

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
        self._cursor = 0
        self._texts: OrderedDict[int, tuple[str, str]] = OrderedDict()

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
        self._cursor = 0

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
        if self.place != before:
            self.post_message(self.Highlighted(self.place))

    def line(self, number: int) -> str:
        """A line of the list as plain text."""
        place = int(self._places[number])
        key, text = self._document(place)
        mark = MARK if place in self._marked else " "
        return f"{mark}{self._probability(place):.3f} {printable(key)}  {printable(text)}"

    def action_move(self, rows: int) -> None:
        """Move the cursor."""
        self._move(self._cursor + rows)

    def action_page(self, pages: int) -> None:
        """Move the cursor by what is on screen."""
        self._move(self._cursor + pages * max(self.size.height - 1, 1))

    def action_move_to(self, row: int) -> None:
        """Move the cursor to a row, from the end if it is negative."""
        self._move(row if row >= 0 else len(self._places) + row)

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

    def _move(self, row: int) -> None:
        row = min(max(row, 0), max(len(self._places) - 1, 0))
        if row != self._cursor:
            self._cursor = row
            self._into_view()
            self.refresh()
            self.post_message(self.Highlighted(self.place))

    def _into_view(self) -> None:
        self.scroll_to_region(
            Region(0, self._cursor, max(self.size.width, 1), 1), animate=False, force=True
        )
