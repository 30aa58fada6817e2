"""Which categories of a run have changed since a reader last looked.

Triggers write a row here whenever a category, its trials, epochs or measures change; readers ask
for what is newer than the number that they have seen. Running losses are not among it: they are
rows of their own, which only grow.
"""

from __future__ import annotations

from db.connection import Store


def newest_change(store: Store, run_id: int) -> int:
    """The number of the run's last change, 0 without one."""
    return int(
        store.value("SELECT coalesce(max(number), 0) FROM changes WHERE run_id = ?", (run_id,))
    )


def changed_since(store: Store, run_id: int, number: int) -> frozenset[int]:
    """Row ids of the run's categories that have changed after the change of that number."""
    rows = store.rows(
        "SELECT run_category_id FROM changes WHERE run_id = ? AND number > ?", (run_id, number)
    )
    return frozenset(row["run_category_id"] for row in rows)
