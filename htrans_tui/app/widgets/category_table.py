"""The taxonomy as a tree with aligned columns, or as a sorted list.

Only visible lines are rendered, so the cost does not depend on the number of categories.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widgets import Static

from core.engine.monitoring.status import CategoryStatus
from core.text.plain_text import printable
from htrans_tui.app.preferences import COLUMNS
from htrans_tui.app.widgets.category_columns import Column, Sort, columns_for
from htrans_tui.app.widgets.line_list import LineList
from htrans_tui.formatting import STATE_SIGNS, shortened

STALE = "~"
ALERT = "!"
_INDENT = 2
_MIN_NAME_WIDTH = 25
"""Minimum width of fold mark, signs and name; limits the indentation."""


@dataclass(frozen=True, slots=True)
class _Row:
    category: CategoryStatus
    depth: int
    fold: str


class CategoryTable(LineList):
    """Table with one row per visible category. The cursor stays on its category."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "category-table--cursor",
        *(f"category-table--{state}" for state in STATE_SIGNS),
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "fold", "Fold", show=False),
        Binding("right", "unfold", "Unfold", show=False),
        Binding("enter", "toggle_fold", "Fold or unfold", show=False),
    ]

    class Highlighted(Message):
        """Posted when the cursor moves to another category, or to none."""

        def __init__(self, category_id: int | None) -> None:
            super().__init__()
            self.category_id = category_id

    class LayoutChanged(Message):
        """Posted when width, sort order or columns change and the titles must be redrawn."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.folded: set[str] = set()
        self.columns: Sequence[str] = COLUMNS
        self._categories: Sequence[CategoryStatus] = ()
        self._sort: Sort | None = None
        self._unfold_all = False
        self._losses: Mapping[int, Sequence[float]] = {}
        self._alerts: Collection[int] = ()
        self._rows: list[_Row] = []
        self._row_of: dict[int, int] = {}
        self._ids: list[int] = []
        self._cursor_category_id: int | None = None

    @property
    def rows(self) -> list[CategoryStatus]:
        """Categories of all rows, including those that are scrolled out of view."""
        return [row.category for row in self._rows]

    @property
    def cursor_category_id(self) -> int | None:
        """Row id of the category under the cursor."""
        return self._cursor_category_id

    @property
    def length(self) -> int:
        """Number of rows."""
        return len(self._rows)

    def show(
        self,
        categories: Sequence[CategoryStatus],
        losses: Mapping[int, Sequence[float]],
        *,
        sort: Sort | None = None,
        unfold_all: bool = False,
        alerts: Collection[int] = (),
    ) -> None:
        """Show categories. Redraws only the lines that changed.

        Args:
            categories: The categories in training order.
            losses: Training losses by epoch for the sparklines, by row id of the category.
            sort: Sort order of the list; None for the tree.
            unfold_all: Show folded categories too.
            alerts: Row ids of the categories that are marked with an alert.
        """
        order = sort, unfold_all
        is_reordered = order != (self._sort, self._unfold_all)
        old_rows, old_alerts, old_losses = self._rows, self._alerts, self._losses
        if (
            not is_reordered
            and categories is self._categories
            and losses is old_losses
            and (alerts is old_alerts or alerts == old_alerts)
        ):
            return
        self._categories, self._losses, self._alerts = categories, losses, alerts
        self._sort, self._unfold_all = order
        if is_reordered:
            self.post_message(self.LayoutChanged())
        if is_reordered or not self._update_rows(categories):
            self._arrange()
        if is_reordered or len(old_rows) != len(self._rows):
            self.refresh()
            return
        top = self.scroll_offset.y
        for index in range(top, min(top + self.size.height, len(self._rows))):
            old, new = old_rows[index], self._rows[index]
            id = new.category.id
            if (
                old != new
                or old_losses.get(id) != losses.get(id)
                or (id in old_alerts) != (id in alerts)
            ):
                self.refresh_line(index)

    def move_cursor_to(self, category_id: int | None) -> None:
        """Move the cursor to a category and unfold its ancestors."""
        by_key = {category.key: category for category in self._categories}
        target = next((c for c in self._categories if c.id == category_id), None)
        if target is None:
            return
        parent = by_key.get(target.parent or "")
        while parent is not None:
            self.folded.discard(parent.key)
            parent = by_key.get(parent.parent or "")
        self._arrange()
        self.refresh()
        self._move(self._row_of[target.id])

    def titles(self) -> str:
        """Return the titles, aligned with the rows, with an arrow at the sorted column."""
        columns = self._columns()
        right = "".join(self._title(column).rjust(column.width) for column in columns)
        return " " * max(self._width - cell_len(right), 0) + right

    def column_at(self, x: int) -> Column | None:
        """Return the column at the horizontal position `x`, or None left of the columns."""
        right = self._width
        for column in reversed(self._columns()):
            right -= column.width
            if x >= right:
                return column
        return None

    def line(self, index: int) -> str:
        """Return a row as plain text."""
        return "".join(segment.text for segment in self._segments(index))

    def _title(self, column: Column) -> str:
        if self._sort is None or self._sort.column != column.name:
            return column.title
        return f"{column.title}{'▴' if self._sort.low_first else '▾'}"

    def _arrange(self) -> None:
        """Rebuild the rows. The cursor stays on its category, or on its row if that is gone."""
        if self._sort is not None:
            self._rows = [_Row(c, 0, " ") for c in self._sort.apply(self._categories)]
        else:
            self._rows = self._as_tree()
        self._ids = [category.id for category in self._categories]
        self._row_of = {row.category.id: index for index, row in enumerate(self._rows)}
        size = Size(self._width, len(self._rows))
        if self.virtual_size != size:
            self.virtual_size = size
        row = self._row_of.get(self._cursor_category_id or 0)
        if row is not None and row != self._cursor:
            self._cursor = row
            self._scroll_to_cursor()
        elif row is None:
            self._move(min(self._cursor, len(self._rows) - 1))

    def _update_rows(self, categories: Sequence[CategoryStatus]) -> bool:
        """Replace changed categories in their rows; return False if the tree must be rebuilt."""
        ids = [category.id for category in categories]
        if self._sort is not None or ids != self._ids:
            return False
        rows = list(self._rows)
        for category in categories:
            index = self._row_of.get(category.id)
            if index is not None and rows[index].category is not category:
                rows[index] = replace(rows[index], category=category)
        self._rows = rows
        return True

    def _as_tree(self) -> list[_Row]:
        folded: Collection[str] = () if self._unfold_all else self.folded
        parents = {category.parent for category in self._categories}
        children: dict[str | None, list[CategoryStatus]] = {}
        keys = {category.key for category in self._categories}
        for category in self._categories:
            parent = category.parent if category.parent in keys else None
            children.setdefault(parent, []).append(category)
        rows: list[_Row] = []
        stack = [(category, 0) for category in reversed(children.get(None, []))]
        while stack:
            category, depth = stack.pop()
            is_folded = category.key in folded
            fold = " " if category.key not in parents else ("▸" if is_folded else "▾")
            rows.append(_Row(category, depth, fold))
            if not is_folded:
                below = children.get(category.key, [])
                stack.extend((child, depth + 1) for child in reversed(below))
        return rows

    def cursor_moved(self) -> None:
        """Post `Highlighted` if the cursor is on another category."""
        id = self._rows[self._cursor].category.id if self._rows else None
        if id != self._cursor_category_id:
            self._cursor_category_id = id
            self.post_message(self.Highlighted(id))

    def action_fold(self) -> None:
        """Fold the category, or go to its parent."""
        if (row := self._row()) is None or self._sort is not None:
            return
        if row.fold == "▾" and not self._unfold_all:
            self.action_toggle_fold()
            return
        parent = next((i for i in range(self._cursor, -1, -1) if self._depth(i) < row.depth), None)
        if parent is not None:
            self._move(parent)

    def action_unfold(self) -> None:
        """Unfold the category, or go to its first child."""
        if (row := self._row()) is None:
            return
        if row.fold == "▸":
            self.action_toggle_fold()
        elif row.fold == "▾":
            self._move(self._cursor + 1)

    def action_toggle_fold(self) -> None:
        """Fold or unfold the category under the cursor."""
        row = self._row()
        if row is not None and row.fold != " " and not self._unfold_all:
            self.folded ^= {row.category.key}
            self._arrange()
            self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the clicked row. A click on its fold mark folds it."""
        index = event.y + self.scroll_offset.y
        if index >= len(self._rows):
            return
        self._move(index)
        mark = len(self._indent(self._rows[index].depth))
        if mark <= event.x <= mark + 1 or event.chain == 2:
            self.action_toggle_fold()

    def on_resize(self) -> None:
        """Adapt to the new width."""
        self.virtual_size = Size(self._width, len(self._rows))
        self._scroll_to_cursor()
        self.post_message(self.LayoutChanged())

    def render_line(self, y: int) -> Strip:
        """Render a visible line."""
        index = y + self.scroll_offset.y
        width = self._width
        style = self.rich_style
        if index >= len(self._rows):
            return Strip.blank(width, style)
        strip = Strip(self._segments(index)).apply_style(style)
        return strip.adjust_cell_length(width, style)

    def _segments(self, index: int) -> list[Segment]:
        row = self._rows[index]
        category = row.category
        at_cursor = index == self._cursor
        style = self.get_component_rich_style("category-table--cursor") if at_cursor else Style()
        state = "silent" if category.silent_seconds is not None else category.state
        colour = self.get_component_rich_style(f"category-table--{state}", partial=True)
        mark = ALERT if category.id in self._alerts else STALE if category.stale else " "
        losses = self._losses.get(category.id, ())
        cells = [(column, column.text(category, losses)) for column in self._columns()]
        indent = self._indent(row.depth)
        width = self._width - len(indent) - sum(column.width for column, _ in cells) - 5
        right = "".join(text.rjust(column.width) for column, text in cells)
        return [
            Segment(f"{indent}{row.fold} ", style),
            Segment(STATE_SIGNS[state], style if at_cursor else colour),
            Segment(f"{mark} {_name_in(category, max(width, 0))}{right}", style),
        ]

    def _indent(self, depth: int) -> str:
        """Return the indentation of a row: spaces, or the level where they would be too wide."""
        taken = sum(column.width for column in self._columns())
        max_indent = max((self._width - taken - _MIN_NAME_WIDTH) // _INDENT, 2) * _INDENT
        if depth * _INDENT <= max_indent:
            return " " * (depth * _INDENT)
        return f"{depth + 1} ".rjust(max_indent)

    @property
    def _width(self) -> int:
        return self.scrollable_content_region.width

    def _row(self) -> _Row | None:
        return self._rows[self._cursor] if self._cursor < len(self._rows) else None

    def _depth(self, index: int) -> int:
        return self._rows[index].depth

    def _columns(self) -> list[Column]:
        required = None if self._sort is None else self._sort.column
        return columns_for(self._width, self.columns, required)


class ColumnTitles(Static):
    """Column titles above a category table. A click on a title sorts by its column."""

    class Clicked(Message):
        """Posted when a title is clicked; `column` is None left of the columns."""

        def __init__(self, column: Column | None) -> None:
            super().__init__()
            self.column = column

    def __init__(self, table: CategoryTable, *, id: str) -> None:
        super().__init__("", id=id, markup=False)
        self._table = table

    def align(self) -> None:
        """Align the titles with the rows of the table."""
        self.update(self._table.titles(), layout=False)

    def on_click(self, event: events.Click) -> None:
        """Post the clicked column."""
        self.post_message(self.Clicked(self._table.column_at(event.x)))


def _name(category: CategoryStatus) -> str:
    key, name = printable(category.key), printable(category.name)
    if category.silent_seconds is not None:
        return f"{key} (silent for {category.silent_seconds:.0f} s)"
    return key if key == name else f"{key} {name}"


def _name_in(category: CategoryStatus, width: int) -> str:
    return set_cell_size(shortened(_name(category), width), width)
