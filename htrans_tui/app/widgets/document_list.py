"""A virtualised list of documents with their probabilities."""

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

_CACHE_SIZE = 2000
"""Number of documents whose first words are cached."""
_PREVIEW_LENGTH = 300
"""Characters of a text that are read for its line."""
_NEVER_POSTED = -1
"""No `Highlighted` message was posted yet, not even for an empty list."""
MARK = "⚑"

Indices = npt.NDArray[np.int64]
Read = Callable[[int], tuple[str, str]]
"""Returns the id and text of a document, by its index in the split."""


class DocumentList(LineList):
    """List with one line per document: mark, probability, id and first words."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"document-list--cursor"}

    class Highlighted(Message):
        """Posted when the cursor moves to another document. `index` is None in an empty list."""

        def __init__(self, index: int | None) -> None:
            super().__init__()
            self.index = index

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._documents: Indices = np.zeros(0, dtype=np.int64)
        self._probability: Callable[[int], float] = lambda _: 0.0
        self._read: Read = lambda _: ("", "")
        self._marked: Collection[int] = ()
        self._posted: int | None = _NEVER_POSTED
        self._texts: OrderedDict[int, tuple[str, str]] = OrderedDict()

    @property
    def length(self) -> int:
        """Number of documents."""
        return len(self._documents)

    @property
    def cursor_document(self) -> int | None:
        """Index in the split of the document under the cursor."""
        return int(self._documents[self._cursor]) if len(self._documents) else None

    @property
    def documents(self) -> Indices:
        """Indices in the split of all listed documents, in order."""
        return self._documents

    def open(self, read: Read, probability: Callable[[int], float]) -> None:
        """Switch to another split.

        Args:
            read: Returns id and text of a document by its index in the split.
            probability: Returns the probability of a document by its index in the split.
        """
        self._read, self._probability = read, probability
        self._texts.clear()
        self._cursor, self._posted = 0, _NEVER_POSTED

    def show(self, documents: Indices, marked: Collection[int]) -> None:
        """List documents. The cursor stays on its document, or on its line if that is gone.

        Args:
            documents: Indices of the documents in the split.
            marked: Indices of the marked documents.
        """
        current = self.cursor_document
        self._marked = marked
        if not np.array_equal(documents, self._documents):
            self._documents = documents
            lines = np.flatnonzero(documents == (-1 if current is None else current))
            last = max(len(documents) - 1, 0)
            self._cursor = int(lines[0]) if len(lines) else min(self._cursor, last)
            self.virtual_size = Size(self.size.width, len(documents))
            self._scroll_to_cursor()
        self.refresh()
        self.cursor_moved()

    def cursor_moved(self) -> None:
        """Post `Highlighted` if the cursor is on another document."""
        if self.cursor_document != self._posted:
            self._posted = self.cursor_document
            self.post_message(self.Highlighted(self.cursor_document))

    def line(self, line: int) -> str:
        """Return a line as plain text."""
        index = int(self._documents[line])
        key, text = self._preview(index)
        mark = MARK if index in self._marked else " "
        return f"{mark}{self._probability(index):.3f} {printable(key)}  {printable(text)}"

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the clicked line."""
        line = event.y + self.scroll_offset.y
        if line < len(self._documents):
            self._move(line)

    def on_resize(self) -> None:
        """Keep the cursor in view."""
        self.virtual_size = Size(self.size.width, len(self._documents))
        self._scroll_to_cursor()

    def render_line(self, y: int) -> Strip:
        """Render a visible line."""
        line = y + self.scroll_offset.y
        width = self.size.width
        if line >= len(self._documents):
            return Strip.blank(width, self.rich_style)
        style = self.rich_style
        if line == self._cursor:
            style = self.get_component_rich_style("document-list--cursor")
        return Strip([Segment(set_cell_size(self.line(line), width), style)], width)

    def _preview(self, index: int) -> tuple[str, str]:
        preview = self._texts.get(index)
        if preview is None:
            key, text = self._read(index)
            preview = key, " ".join(text[:_PREVIEW_LENGTH].split())
            self._texts[index] = preview
            if len(self._texts) > _CACHE_SIZE:
                self._texts.popitem(last=False)
        return preview
