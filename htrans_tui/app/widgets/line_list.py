"""A virtualised list with a cursor: only visible lines are rendered."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.scroll_view import ScrollView


class LineList(ScrollView, can_focus=True):
    """Base of lists with one item per line. Subclasses render the lines."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "move_to(0)", "First", show=False),
        Binding("end", "move_to(-1)", "Last", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._cursor = 0

    @property
    def length(self) -> int:
        """Number of lines."""
        raise NotImplementedError

    def cursor_moved(self) -> None:
        """Handle a movement of the cursor; its line may be unchanged."""

    @property
    def cursor_row(self) -> int:
        """Index of the line under the cursor."""
        return self._cursor

    def refresh_line(self, y: int) -> None:
        """Redraw a line if it is visible."""
        line = y - self.scroll_offset.y
        if 0 <= line < self.size.height:
            self.refresh(Region(0, line, self.size.width, 1))

    def action_move(self, rows: int) -> None:
        """Move the cursor by a number of lines."""
        self._move(self._cursor + rows)

    def action_page(self, pages: int) -> None:
        """Move the cursor by a number of pages."""
        self._move(self._cursor + pages * max(self.size.height - 1, 1))

    def action_move_to(self, row: int) -> None:
        """Move the cursor to a line; -1 is the last."""
        self._move(row if row >= 0 else self.length + row)

    def _move(self, row: int) -> None:
        before, self._cursor = self._cursor, max(min(row, self.length - 1), 0)
        self.refresh_line(before)
        self.refresh_line(self._cursor)
        self._scroll_to_cursor()
        self.cursor_moved()

    def _scroll_to_cursor(self) -> None:
        self.scroll_to_region(
            Region(0, self._cursor, 1, 1), animate=False, force=True, immediate=True
        )
