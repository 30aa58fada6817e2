"""The taxonomy as a tree with aligned columns; only rows that change are drawn again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from rich.text import Text
from textual import events
from textual.message import Message
from textual.widgets import Tree
from textual.widgets.tree import TreeNode

from core.engine.status import CategoryStatus
from core.plain_text import printable
from htrans_tui.format import STATE_SIGNS, rate, weight
from htrans_tui.widgets.sparkline import sparkline

_SPARK_WIDTH = 6


@dataclass(frozen=True, slots=True)
class Column:
    """A column at the right of the tree, shown from a width of the tree on."""

    title: str
    width: int
    from_width: int


COLUMNS = (
    Column("n⁺", 7, 44),
    Column("loss", 6, 52),
    Column("", _SPARK_WIDTH + 1, 66),
    Column("w", 4, 0),
    Column("F1", 6, 0),
    Column("test", 6, 60),
)
"""From left to right; the narrower the tree, the fewer."""


@dataclass(frozen=True, slots=True)
class _View:
    category: CategoryStatus
    losses: tuple[float, ...]


class CategoryTree(Tree[int]):
    """A tree of a run's categories; a node's data is the category's row id."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"category-tree--{state}" for state in STATE_SIGNS}

    class Resized(Message):
        """The tree has another width, so the columns' titles must follow."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", id=id)
        self.show_root = False
        self.guide_depth = 2
        self._views: dict[int, _View] = {}
        self._node_of: dict[int, TreeNode[int]] = {}

    def show(
        self, categories: Sequence[CategoryStatus], losses: Mapping[int, tuple[float, ...]]
    ) -> None:
        """Show the categories, in training order; draw only those again that have changed."""
        ids = [category.id for category in categories]
        if ids != list(self._node_of):
            self._grow(categories)
        for category in categories:
            view = _View(category, losses.get(category.id, ()))
            if self._views.get(category.id) != view:
                self._views[category.id] = view
                self._node_of[category.id].refresh()

    def titles(self) -> Text:
        """The columns' titles, aligned with the rows."""
        columns = self._columns()
        right = "".join(column.title.rjust(column.width) for column in columns)
        return Text(" " * max(self._inner_width() - cell_len(right), 0) + right)

    def on_resize(self, event: events.Resize) -> None:  # noqa: ARG002
        """Let titles and rows fit the new width."""
        self.post_message(self.Resized())

    def render_label(self, node: TreeNode[int], base_style: Style, style: Style) -> Text:
        """One row: fold mark, state, id and name, then the columns."""
        view = self._views.get(node.data) if node.data is not None else None
        if view is None:
            return Text("")
        category = view.category
        state = "silent" if category.silent_seconds is not None else category.state
        indent = (category.level - 1) * self.guide_depth
        columns = self._columns()
        width = self._inner_width() - indent - sum(column.width for column in columns)
        fold = ("▾ " if node.is_expanded else "▸ ") if node.children else "  "
        mark = "!" if category.stale else " "
        name = _name(category)
        text = Text(style=base_style)
        text.append(fold, style)
        text.append(STATE_SIGNS[state], self._state_style(state) + _background(style))
        text.append(mark, style)
        text.append(set_cell_size(_shorten(name, width - 4), max(width - 4, 0)), style)
        for column, cell in zip(columns, self._cells(view, columns), strict=True):
            text.append(cell.rjust(column.width), style)
        return text

    def choose(self, category_id: int | None) -> None:
        """Move the cursor to a category, unfolding what it stands in."""
        node = self._node_of.get(category_id) if category_id is not None else None
        if node is None:
            return
        above = node.parent
        while above is not None:
            above.expand()
            above = above.parent
        self.call_after_refresh(self.move_cursor, node)

    def _grow(self, categories: Sequence[CategoryStatus]) -> None:
        """Make the nodes anew; what is folded and where the cursor stands remain."""
        folded = {key for key, node in self._node_of.items() if not node.is_expanded}
        at = self.cursor_node.data if self.cursor_node is not None else None
        self.clear()
        self._node_of.clear()
        self._views.clear()
        by_key: dict[str, TreeNode[int]] = {}
        parents = {category.parent for category in categories}
        for category in categories:
            above = by_key.get(category.parent or "", self.root)
            node = above.add(
                "",
                data=category.id,
                expand=category.id not in folded,
                allow_expand=category.key in parents,
            )
            by_key[category.key] = self._node_of[category.id] = node
        self.root.expand()
        if categories:
            self.move_cursor(self._node_of.get(at or 0, self._node_of[categories[0].id]))

    def _cells(self, view: _View, columns: Iterable[Column]) -> list[str]:
        category = view.category
        running = category.state == "running"
        chosen = weight(category.class_weight)
        if running and category.trials > 1:
            chosen = f"{category.trials_done}/{category.trials}"
        values = {
            "n⁺": f"{category.positives:,}",
            "loss": rate(category.training_loss),
            "": sparkline(view.losses, _SPARK_WIDTH),
            "w": chosen,
            "F1": rate(category.validation_f1),
            "test": rate(category.test_f1),
        }
        return [values[column.title] for column in columns]

    def _columns(self) -> list[Column]:
        width = self._inner_width()
        return [column for column in COLUMNS if width >= column.from_width]

    def _inner_width(self) -> int:
        return self.scrollable_content_region.width or self.size.width

    def _state_style(self, state: str) -> Style:
        return self.get_component_rich_style(f"category-tree--{state}", partial=True)


def _name(category: CategoryStatus) -> str:
    key, name = printable(category.key), printable(category.name)
    if category.silent_seconds is not None:
        return f"{key} (silent for {category.silent_seconds:.0f} s)"
    return key if key == name else f"{key} {name}"


def _shorten(text: str, width: int) -> str:
    return text if cell_len(text) <= width else set_cell_size(text, max(width - 1, 0)) + "…"


def _background(style: Style) -> Style:
    return Style(bgcolor=style.bgcolor) if style.bgcolor else Style()
