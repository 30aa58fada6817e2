"""The taxonomy as a tree with aligned columns, or as a list in an order.

Only the lines on screen are made, so that it takes ten thousand categories as well as ten.
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
_LEAST_NAME = 25
"""Cells that levels leave to a category's fold, signs and name."""


@dataclass(frozen=True, slots=True)
class _Row:
    category: CategoryStatus
    depth: int
    fold: str


class CategoryTable(LineList):
    """One row for each category that is not folded away; a cursor that stays on its category."""

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
        """The cursor is on another category, or on none."""

        def __init__(self, category_id: int | None) -> None:
            super().__init__()
            self.category_id = category_id

    class Changed(Message):
        """Width, order or columns are others, so that the titles are too."""

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
        self._chosen: int | None = None

    @property
    def rows(self) -> list[CategoryStatus]:
        """The categories of the rows, from top to bottom, those off the screen too."""
        return [row.category for row in self._rows]

    @property
    def chosen(self) -> int | None:
        """The row id of the category under the cursor."""
        return self._chosen

    @property
    def length(self) -> int:
        """How many rows there are."""
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
        """Show categories in training order as a tree, or by `sort` as a list.

        `losses` are training losses by epoch for the sparklines, `alerts` the row ids that get a
        mark. `unfold_all` shows what is folded too. Only lines that have changed are drawn again.
        """
        order = sort, unfold_all
        grown = order != (self._sort, self._unfold_all)
        before, marked, old_losses = self._rows, self._alerts, self._losses
        if (
            not grown
            and categories is self._categories
            and losses is old_losses
            and (alerts is marked or alerts == marked)
        ):
            return
        self._categories, self._losses, self._alerts = categories, losses, alerts
        self._sort, self._unfold_all = order
        if grown:
            self.post_message(self.Changed())
        if grown or not self._exchange(categories):
            self._arrange()
        if grown or len(before) != len(self._rows):
            self.refresh()
            return
        top = self.scroll_offset.y
        for number in range(top, min(top + self.size.height, len(self._rows))):
            old, new = before[number], self._rows[number]
            id = new.category.id
            if (
                old != new
                or old_losses.get(id) != losses.get(id)
                or (id in marked) != (id in alerts)
            ):
                self.refresh_line(number)

    def choose(self, category_id: int | None) -> None:
        """Move the cursor to a category, unfolding what it stands in."""
        by_key = {category.key: category for category in self._categories}
        wanted = next((c for c in self._categories if c.id == category_id), None)
        if wanted is None:
            return
        parent = by_key.get(wanted.parent or "")
        while parent is not None:
            self.folded.discard(parent.key)
            parent = by_key.get(parent.parent or "")
        self._arrange()
        self.refresh()
        self._move(self._row_of[wanted.id])

    def titles(self) -> str:
        """The columns' titles, aligned with the rows; the order's column has an arrow."""
        columns = self._columns()
        right = "".join(self._title(column).rjust(column.width) for column in columns)
        return " " * max(self._width - cell_len(right), 0) + right

    def column_at(self, x: int) -> Column | None:
        """The column whose title or values stand at `x`, None left of them."""
        right = self._width
        for column in reversed(self._columns()):
            right -= column.width
            if x >= right:
                return column
        return None

    def line(self, number: int) -> str:
        """A row as plain text."""
        return "".join(segment.text for segment in self._segments(number))

    def _title(self, column: Column) -> str:
        if self._sort is None or self._sort.column != column.name:
            return column.title
        return f"{column.title}{'▴' if self._sort.low_first else '▾'}"

    def _arrange(self) -> None:
        """Make the rows; the cursor stays on its category, or where it was."""
        if self._sort is not None:
            self._rows = [_Row(c, 0, " ") for c in self._sort.apply(self._categories)]
        else:
            self._rows = self._as_tree()
        self._ids = [category.id for category in self._categories]
        self._row_of = {row.category.id: number for number, row in enumerate(self._rows)}
        size = Size(self._width, len(self._rows))
        if self.virtual_size != size:
            self.virtual_size = size
        at = self._row_of.get(self._chosen or 0)
        if at is not None and at != self._cursor:
            self._cursor = at
            self._into_view()
        elif at is None:
            self._move(min(self._cursor, len(self._rows) - 1))

    def _exchange(self, categories: Sequence[CategoryStatus]) -> bool:
        """Put categories that have changed in their rows, if the tree stands as it did."""
        ids = [category.id for category in categories]
        if self._sort is not None or ids != self._ids:
            return False
        rows = list(self._rows)
        for category in categories:
            number = self._row_of.get(category.id)
            if number is not None and rows[number].category is not category:
                rows[number] = replace(rows[number], category=category)
        self._rows = rows
        return True

    def _as_tree(self) -> list[_Row]:
        folded: Collection[str] = () if self._unfold_all else self.folded
        parents = {category.parent for category in self._categories}
        children: dict[str | None, list[CategoryStatus]] = {}
        there = {category.key for category in self._categories}
        for category in self._categories:
            above = category.parent if category.parent in there else None
            children.setdefault(above, []).append(category)
        rows: list[_Row] = []
        stack = [(category, 0) for category in reversed(children.get(None, []))]
        while stack:
            category, depth = stack.pop()
            closed = category.key in folded
            fold = " " if category.key not in parents else ("▸" if closed else "▾")
            rows.append(_Row(category, depth, fold))
            if not closed:
                below = children.get(category.key, [])
                stack.extend((child, depth + 1) for child in reversed(below))
        return rows

    def moved(self) -> None:
        """Say so if the cursor is on another category."""
        id = self._rows[self._cursor].category.id if self._rows else None
        if id != self._chosen:
            self._chosen = id
            self.post_message(self.Highlighted(id))

    def action_fold(self) -> None:
        """Fold the category, or go to its parent."""
        if (row := self._row()) is None or self._sort is not None:
            return
        if row.fold == "▾" and not self._unfold_all:
            self.action_toggle_fold()
            return
        above = next((n for n in range(self._cursor, -1, -1) if self._depth(n) < row.depth), None)
        if above is not None:
            self._move(above)

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
        """Move the cursor to the row; a click on its fold mark folds."""
        number = event.y + self.scroll_offset.y
        if number >= len(self._rows):
            return
        self._move(number)
        mark = len(self._indent(self._rows[number].depth))
        if mark <= event.x <= mark + 1 or event.chain == 2:
            self.action_toggle_fold()

    def on_resize(self) -> None:
        """Let the titles follow the width."""
        self.virtual_size = Size(self._width, len(self._rows))
        self._into_view()
        self.post_message(self.Changed())

    def render_line(self, y: int) -> Strip:
        """A line of the screen."""
        number = y + self.scroll_offset.y
        width = self._width
        style = self.rich_style
        if number >= len(self._rows):
            return Strip.blank(width, style)
        strip = Strip(self._segments(number)).apply_style(style)
        return strip.adjust_cell_length(width, style)

    def _segments(self, number: int) -> list[Segment]:
        row = self._rows[number]
        category = row.category
        at_cursor = number == self._cursor
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
        """What stands before a row; where levels leave no room for the name, the level's number."""
        taken = sum(column.width for column in self._columns())
        most = max((self._width - taken - _LEAST_NAME) // _INDENT, 2) * _INDENT
        if depth * _INDENT <= most:
            return " " * (depth * _INDENT)
        return f"{depth + 1} ".rjust(most)

    @property
    def _width(self) -> int:
        return self.scrollable_content_region.width

    def _row(self) -> _Row | None:
        return self._rows[self._cursor] if self._cursor < len(self._rows) else None

    def _depth(self, number: int) -> int:
        return self._rows[number].depth

    def _columns(self) -> list[Column]:
        needed = None if self._sort is None else self._sort.column
        return columns_for(self._width, self.columns, needed)


class ColumnTitles(Static):
    """The titles above a table; a click on one asks for an order by it."""

    class Clicked(Message):
        """A title was clicked; `column` is None left of the columns."""

        def __init__(self, column: Column | None) -> None:
            super().__init__()
            self.column = column

    def __init__(self, table: CategoryTable, *, id: str) -> None:
        super().__init__("", id=id, markup=False)
        self._table = table

    def follow(self) -> None:
        """Align the titles with the table's rows."""
        self.update(self._table.titles(), layout=False)

    def on_click(self, event: events.Click) -> None:
        """Ask for an order by the column."""
        self.post_message(self.Clicked(self._table.column_at(event.x)))


def _name(category: CategoryStatus) -> str:
    key, name = printable(category.key), printable(category.name)
    if category.silent_seconds is not None:
        return f"{key} (silent for {category.silent_seconds:.0f} s)"
    return key if key == name else f"{key} {name}"


def _name_in(category: CategoryStatus, width: int) -> str:
    return set_cell_size(shortened(_name(category), width), width)
