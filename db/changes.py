"""Change numbers of categories, for incremental reads.

Triggers assign a new number to a category when the category, its trials, epochs or metrics change.
Readers query for numbers above the last one that they have seen. Running losses do not count as
changes.
"""

from __future__ import annotations

from db.connection import Store


def newest_change(store: Store, run_id: int) -> int:
    """The highest change number of a run, or 0."""
    return int(
        store.value("SELECT coalesce(max(number), 0) FROM changes WHERE run_id = ?", (run_id,))
    )


def changed_since(store: Store, run_id: int, number: int) -> frozenset[int]:
    """Row ids of the categories of a run whose change number is above `number`."""
    rows = store.rows(
        "SELECT run_category_id FROM changes WHERE run_id = ? AND number > ?", (run_id, number)
    )
    return frozenset(row["run_category_id"] for row in rows)
