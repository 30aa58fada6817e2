"""The columns of the taxonomy: what each shows, and which have room at a width."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.engine.monitoring.status import CategoryStatus
from htrans_tui.app.preferences import COLUMN_NAMES
from htrans_tui.app.widgets.sparkline import sparkline
from htrans_tui.formatting import duration, rate, weight

SPARK_WIDTH = 6
NAME_WIDTH = 24
"""Characters that id and name have at least before a column gives way."""
_ALWAYS = 2
"""How many columns stay at any width."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column at the right of the names.

    `value` is what rows are sorted by, None where a category has none; small values are worth
    seeing first if `worst_is_low`. `rank` says which columns give way first: those with the
    largest.
    """

    name: str
    title: str
    width: int
    rank: int
    text: Callable[[CategoryStatus, Sequence[float]], str]
    value: Callable[[CategoryStatus], float | None]
    worst_is_low: bool = False


def f1_of(category: CategoryStatus) -> float | None:
    """F1 on the test documents, on the validation documents until those have been scored."""
    return category.test_f1 if category.test_f1 is not None else category.validation_f1


def _chosen(category: CategoryStatus) -> str:
    if category.state == "running" and category.trials > 1:
        return f"{category.trials_done}/{category.trials}"
    return weight(category.class_weight)


def _float(value: int | None) -> float | None:
    return None if value is None else float(value)


COLUMNS = (
    Column(
        *("positives", "n⁺", 8, 4),
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
        *("weight", "w", 5, 0),
        lambda category, _: _chosen(category),
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
        *("work", "work", 10, 8),
        lambda category, _: duration(category.seconds) if category.seconds else "",
        lambda category: category.seconds or None,
    ),
)
assert [column.name for column in COLUMNS] == list(COLUMN_NAMES)


def column_named(name: str) -> Column:
    """The column of that name."""
    return next(column for column in COLUMNS if column.name == name)


def columns_for(width: int, chosen: Sequence[str], needed: str | None = None) -> list[Column]:
    """The chosen columns that have room beside the names; `needed` is shown if any is."""
    shown = [column for column in COLUMNS if column.name in chosen or column.name == needed]
    by_rank = sorted(shown, key=lambda column: (column.name != needed, column.rank))
    while len(by_rank) > _ALWAYS and sum(c.width for c in by_rank) > width - NAME_WIDTH:
        by_rank.pop()
    return [column for column in shown if column in by_rank]


@dataclass(frozen=True, slots=True)
class Sort:
    """An order of the categories by a column; categories without a value come last.

    `low_first` sorts in ascending order.
    """

    name: str
    column: str
    value: Callable[[CategoryStatus], float | None]
    low_first: bool

    def apply(self, categories: Sequence[CategoryStatus]) -> list[CategoryStatus]:
        """The categories in this order, ties in training order."""
        sign = 1.0 if self.low_first else -1.0

        def place(category: CategoryStatus) -> tuple[bool, float]:
            value = self.value(category)
            return value is None, sign * (value or 0.0)

        return sorted(categories, key=place)


SORTS = (
    Sort("worst F1", "f1", f1_of, low_first=True),
    Sort("largest loss", "loss", column_named("loss").value, low_first=False),
    Sort("fewest positives", "positives", column_named("positives").value, low_first=True),
    Sort("slowest", "work", column_named("work").value, low_first=False),
)
"""What `s` goes through."""


def sort_by(column: Column, before: Sort | None) -> Sort:
    """The order that a click on a column's title means: worst first, and then the other way."""
    low_first = column.worst_is_low
    if before is not None and before.column == column.name and before.low_first == low_first:
        low_first = not low_first
    name = f"{'smallest' if low_first else 'largest'} {column.title}"
    return Sort(name, column.name, column.value, low_first)


def sort_left(name: str | None, low_first: bool) -> Sort | None:
    """The order in which a list was left, None for the tree and for a column that is no more."""
    column = next((column for column in COLUMNS if column.name == name), None)
    if column is None:
        return None
    usual = next((s for s in SORTS if (s.column, s.low_first) == (name, low_first)), None)
    worst_first = sort_by(column, None)
    other_way = sort_by(column, worst_first)
    return usual or (worst_first if worst_first.low_first == low_first else other_way)
