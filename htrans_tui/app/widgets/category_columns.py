"""Columns and sort orders of the category table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.engine.monitoring.status import CategoryStatus
from htrans_tui.app.preferences import COLUMN_NAMES
from htrans_tui.app.widgets.sparkline import sparkline
from htrans_tui.formatting import duration, rate, weight

SPARK_WIDTH = 6
MIN_NAME_WIDTH = 24
"""Minimum width of id and name; columns are hidden to reserve it."""
_MIN_COLUMNS = 2
"""Minimum number of columns at any width."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column at the right of the names.

    Attributes:
        name: Name of the column in the settings.
        title: Title above the column.
        width: Width in cells, including the gap.
        rank: Columns with the largest rank are hidden first.
        text: Text of a cell, from the category and its training losses by epoch.
        value: Sort key; None for a missing value.
        worst_is_low: Sort ascending on the first click.
    """

    name: str
    title: str
    width: int
    rank: int
    text: Callable[[CategoryStatus, Sequence[float]], str]
    value: Callable[[CategoryStatus], float | None]
    worst_is_low: bool = False


def f1_of(category: CategoryStatus) -> float | None:
    """Return the test F1, or the validation F1 until the test documents are scored."""
    return category.test_f1 if category.test_f1 is not None else category.validation_f1


def _weight_or_progress(category: CategoryStatus) -> str:
    if category.state == "running" and category.trials > 1:
        return f"{category.trials_done}/{category.trials}"
    return weight(category.class_weight)


def _float(value: int | None) -> float | None:
    return None if value is None else float(value)


COLUMNS = (
    Column(
        *("positives", "pos", 8, 4),
        lambda category, _: f"{category.positives:,}",
        lambda category: float(category.positives),
        worst_is_low=True,
    ),
    Column(
        *("epoch", "epoch", 6, 7),
        lambda category, _: "" if category.epoch is None else str(category.epoch),
        lambda category: _float(category.epoch),
    ),
    Column(
        *("loss", "loss", 6, 3),
        lambda category, _: rate(category.training_loss),
        lambda category: category.training_loss,
    ),
    Column(
        *("validation", "val", 6, 6),
        lambda category, _: rate(category.validation_loss),
        lambda category: category.validation_loss,
    ),
    Column(
        *("trend", "", SPARK_WIDTH + 1, 5),
        lambda _, losses: sparkline(losses, SPARK_WIDTH),
        lambda _: None,
    ),
    Column(
        *("weight", "weight", 7, 0),
        lambda category, _: _weight_or_progress(category),
        lambda category: category.class_weight,
    ),
    Column(
        *("f1", "F1", 6, 1),
        lambda category, _: rate(category.validation_f1),
        lambda category: category.validation_f1,
        worst_is_low=True,
    ),
    Column(
        *("test", "test", 6, 2),
        lambda category, _: rate(category.test_f1),
        lambda category: category.test_f1,
        worst_is_low=True,
    ),
    Column(
        *("work", "time", 10, 8),
        lambda category, _: duration(category.seconds) if category.seconds else "",
        lambda category: category.seconds or None,
    ),
)
assert [column.name for column in COLUMNS] == list(COLUMN_NAMES)


def column_named(name: str) -> Column:
    """Return a column by name."""
    return next(column for column in COLUMNS if column.name == name)


def columns_for(width: int, enabled: Sequence[str], required: str | None = None) -> list[Column]:
    """Return the columns that fit beside the names.

    Args:
        width: Width of the table in cells.
        enabled: Names of the columns in the settings.
        required: Name of a column that is hidden last, such as the sorted one.
    """
    candidates = [column for column in COLUMNS if column.name in enabled or column.name == required]
    by_rank = sorted(candidates, key=lambda column: (column.name != required, column.rank))
    while len(by_rank) > _MIN_COLUMNS and sum(c.width for c in by_rank) > width - MIN_NAME_WIDTH:
        by_rank.pop()
    return [column for column in candidates if column in by_rank]


@dataclass(frozen=True, slots=True)
class Sort:
    """Sort order of the categories by a column. Missing values come last.

    `low_first` sorts in ascending order.
    """

    name: str
    column: str
    value: Callable[[CategoryStatus], float | None]
    low_first: bool

    def apply(self, categories: Sequence[CategoryStatus]) -> list[CategoryStatus]:
        """Sort categories; ties keep the training order."""
        sign = 1.0 if self.low_first else -1.0

        def sort_key(category: CategoryStatus) -> tuple[bool, float]:
            value = self.value(category)
            return value is None, sign * (value or 0.0)

        return sorted(categories, key=sort_key)


SORTS = (
    Sort("worst F1", "f1", f1_of, low_first=True),
    Sort("largest loss", "loss", column_named("loss").value, low_first=False),
    Sort("fewest positives", "positives", column_named("positives").value, low_first=True),
    Sort("slowest", "work", column_named("work").value, low_first=False),
)
"""Sort orders that the action `next_sort` cycles."""


def sort_by(column: Column, current: Sort | None) -> Sort:
    """Return the sort order for a click on a column title: worst first, reversed if current."""
    low_first = column.worst_is_low
    if current is not None and current.column == column.name and current.low_first == low_first:
        low_first = not low_first
    name = f"{'smallest' if low_first else 'largest'} {column.title}"
    return Sort(name, column.name, column.value, low_first)


def saved_sort(name: str | None, low_first: bool) -> Sort | None:
    """Return the sort order of a saved view; None for the tree and for an unknown column."""
    column = next((column for column in COLUMNS if column.name == name), None)
    if column is None:
        return None
    preset = next((s for s in SORTS if (s.column, s.low_first) == (name, low_first)), None)
    worst_first = sort_by(column, None)
    best_first = sort_by(column, worst_first)
    return preset or (worst_first if worst_first.low_first == low_first else best_first)
