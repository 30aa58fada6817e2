"""The categories as a flat table, for the sorts that a tree cannot show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.text import Text
from textual.widgets import DataTable

from core.engine.status import CategoryStatus
from core.plain_text import printable
from htrans_tui.format import STATE_SIGNS, duration, rate, weight

_COLUMNS = ("id", "state", "n⁺", "loss", "w", "F1", "test", "work", "name")


@dataclass(frozen=True, slots=True)
class Sort:
    """An order of the categories; what has no value comes last."""

    name: str
    key: Callable[[CategoryStatus], float | None]


SORTS = (
    Sort("worst F1", lambda category: _f1(category)),
    Sort("largest loss", lambda category: _negative(category.training_loss)),
    Sort("fewest positives", lambda category: float(category.positives)),
    Sort("slowest", lambda category: -category.seconds or None),
)


def sorted_by(categories: Sequence[CategoryStatus], sort: Sort) -> list[CategoryStatus]:
    """The categories in the order of `sort`, ties in training order."""

    def place(category: CategoryStatus) -> tuple[bool, float]:
        value = sort.key(category)
        return value is None, value or 0.0

    return sorted(categories, key=place)


def _f1(category: CategoryStatus) -> float | None:
    return category.test_f1 if category.test_f1 is not None else category.validation_f1


def _negative(value: float | None) -> float | None:
    return None if value is None else -value


class CategoryList(DataTable[Text]):
    """One row for each category; the cursor stays on its category when the order changes."""

    def on_mount(self) -> None:
        """Make the columns."""
        self.cursor_type = "row"
        for column in _COLUMNS:
            self.add_column(column, key=column)
        self._shown: list[CategoryStatus] = []

    def show(self, categories: Sequence[CategoryStatus]) -> None:
        """Show the categories in this order; draw only what has changed."""
        wanted = list(categories)
        if wanted == self._shown:
            return
        if [c.id for c in wanted] != [c.id for c in self._shown]:
            before = self.chosen
            self._shown = wanted
            self.clear()
            for category in wanted:
                self.add_row(*_cells(category), key=str(category.id))
            if before is not None and str(before) in self.rows:
                self.move_cursor(row=self.get_row_index(str(before)))
            return
        for old, new in zip(self._shown, wanted, strict=True):
            if old != new:
                for column, cell in zip(_COLUMNS, _cells(new), strict=True):
                    self.update_cell(str(new.id), column, cell)
        self._shown = wanted

    def choose(self, category_id: int | None) -> None:
        """Move the cursor to a category, if it is there."""
        if category_id is not None and str(category_id) in self.rows:
            self.move_cursor(row=self.get_row_index(str(category_id)))

    @property
    def chosen(self) -> int | None:
        """The row id of the category under the cursor."""
        if not self._shown or not 0 <= self.cursor_row < len(self._shown):
            return None
        return self._shown[self.cursor_row].id


def _cells(category: CategoryStatus) -> list[Text]:
    state = "silent" if category.silent_seconds is not None else category.state
    name = "" if category.name == category.key else printable(category.name)
    return [
        Text(printable(category.key)),
        Text(f"{STATE_SIGNS[state]}{'!' if category.stale else ' '}{state}"),
        Text(f"{category.positives:,}", justify="right"),
        Text(rate(category.training_loss), justify="right"),
        Text(weight(category.class_weight), justify="right"),
        Text(rate(category.validation_f1), justify="right"),
        Text(rate(category.test_f1), justify="right"),
        Text(duration(category.seconds), justify="right"),
        Text(name),
    ]
