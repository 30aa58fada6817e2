"""The categories of a run: state, active model and place in the hierarchy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import NotFoundError
from db.attempts import add_attempt
from db.connection import Row, Store


@dataclass(frozen=True, slots=True)
class RunCategory:
    """A category of a run.

    `key` and `parent_key` are category keys of the taxonomy. `shared_owner_id` is the owner
    category of a shared model, None if the category has trials of its own. `class_weight` is a
    fixed class weight in a shared model.
    """

    id: int
    run_id: int
    category_id: int
    key: str
    name: str
    parent_key: str | None
    parent_id: int | None
    level: int
    positives: int
    state: str
    held: bool
    stale: bool
    attempt: int
    kept_trial_id: int | None
    shared_owner_id: int | None
    class_weight: float | None

    @property
    def owner_id(self) -> int:
        """Row id of the category that holds the trials: this one or the owner category."""
        return self.id if self.shared_owner_id is None else self.shared_owner_id


@dataclass(frozen=True, slots=True)
class NewRunCategory:
    """A category of a new run, with its initial state and the origin of its parameters.

    `cost` is the duration of one epoch of one trial, in seconds on the reference machine. `owner`
    is the key of the owner category of a shared model, which precedes this category in the run.
    """

    key: str
    positives: int
    state: str
    origin: str = "scratch"
    cost: float = 1.0
    owner: str | None = None
    class_weight: float | None = None


def add_categories_of_run(
    store: Store,
    run_id: int,
    corpus_id: int,
    categories: Sequence[NewRunCategory],
    class_weights: Sequence[float],
) -> None:
    """Record the categories of a new run and their first attempts, inside a transaction."""
    rows = store.rows("SELECT id, key, parent_id FROM categories WHERE corpus_id = ?", (corpus_id,))
    by_key = {row["key"]: row for row in rows}
    run_category: dict[int, int] = {}
    for category in categories:
        row = by_key[category.key]
        owner = None if category.owner is None else run_category[by_key[category.owner]["id"]]
        cursor = store.execute(
            "INSERT INTO run_categories (run_id, category_id, parent_id, positives, cost, state, "
            "lead_id, class_weight) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                run_id,
                row["id"],
                run_category.get(row["parent_id"]),
                category.positives,
                category.cost,
                category.state,
                owner,
                category.class_weight,
            ),
        )
        run_category_id = int(cursor.lastrowid or 0)
        run_category[row["id"]] = run_category_id
        if category.state != "empty" and owner is None:
            add_attempt(
                store,
                run_category_id,
                attempt=1,
                origin=category.origin,
                changes="{}",
                state=category.state,
                class_weights=class_weights,
            )


_CATEGORY = """
    SELECT rc.id, rc.run_id, rc.category_id, c.key, c.name, p.key AS parent_key, rc.parent_id,
           c.level, rc.positives, rc.state, rc.held, rc.stale, rc.attempt, rc.kept_trial_id,
           rc.lead_id AS shared_owner_id, rc.class_weight
    FROM run_categories rc
    JOIN categories c ON c.id = rc.category_id
    LEFT JOIN categories p ON p.id = c.parent_id
"""


def _category(row: Row) -> RunCategory:
    values = {key: row[key] for key in row.keys()}  # noqa: SIM118
    return RunCategory(**{**values, "held": bool(row["held"]), "stale": bool(row["stale"])})


def run_categories(store: Store, run_id: int) -> list[RunCategory]:
    """The categories of a run in training order."""
    rows = store.rows(f"{_CATEGORY} WHERE rc.run_id = ? ORDER BY c.position", (run_id,))
    return [_category(row) for row in rows]


def run_category(store: Store, run_category_id: int) -> RunCategory:
    """One category of a run.

    Raises:
        NotFoundError: The category does not exist any more.
    """
    row = store.row(f"{_CATEGORY} WHERE rc.id = ?", (run_category_id,))
    if row is None:
        raise NotFoundError(f"category {run_category_id} does not exist any more")
    return _category(row)


def categories_sharing_model(store: Store, run_category_id: int) -> list[RunCategory]:
    """An owner category and the categories that share its model, in training order."""
    rows = store.rows(
        f"{_CATEGORY} WHERE rc.id = ? OR rc.lead_id = ? ORDER BY c.position",
        (run_category_id, run_category_id),
    )
    return [_category(row) for row in rows]


def selected_weights(store: Store, run_id: int) -> dict[str, float]:
    """The class weight that the search selected, by category key."""
    rows = store.rows(
        "SELECT c.key, t.class_weight FROM run_categories rc "
        "JOIN categories c ON c.id = rc.category_id JOIN trials t ON t.id = rc.kept_trial_id "
        "WHERE rc.run_id = ?",
        (run_id,),
    )
    return {row["key"]: row["class_weight"] for row in rows}


def update_category(
    store: Store,
    run_category_id: int,
    *,
    state: str,
    attempt: int | None = None,
    kept_trial_id: int | None = None,
    held: bool | None = None,
) -> None:
    """Update a category and the categories that share its model, inside a transaction.

    Columns whose value is None are not changed.
    """
    columns = {"state": state, "attempt": attempt, "kept_trial_id": kept_trial_id, "held": held}
    changes = {column: value for column, value in columns.items() if value is not None}
    assignments = ", ".join(f"{column} = ?" for column in changes)
    store.execute(
        f"UPDATE run_categories SET {assignments} WHERE id = ? OR lead_id = ?",
        (*changes.values(), run_category_id, run_category_id),
    )


def set_held(store: Store, run_category_id: int, *, held: bool) -> None:
    """Pause a category or resume it, inside a transaction."""
    store.execute("UPDATE run_categories SET held = ? WHERE id = ?", (int(held), run_category_id))


def set_stale(store: Store, run_category_id: int, *, stale: bool) -> None:
    """Mark a category as stale or as up to date, inside a transaction."""
    store.execute("UPDATE run_categories SET stale = ? WHERE id = ?", (int(stale), run_category_id))


def release_children(store: Store, run_category_id: int) -> None:
    """Make the waiting children of a category and their trials ready, inside a transaction."""
    store.execute(
        "UPDATE trials SET state = 'ready' WHERE state = 'waiting' AND run_category_id IN "
        "(SELECT id FROM run_categories WHERE parent_id = ? AND state = 'waiting')",
        (run_category_id,),
    )
    store.execute(
        "UPDATE run_categories SET state = 'ready' WHERE parent_id = ? AND state = 'waiting'",
        (run_category_id,),
    )


def waiting_below(store: Store, run_category_id: int) -> list[int]:
    """Row ids of all descendants that wait for this category."""
    rows = store.rows(
        "WITH RECURSIVE below (id) AS ("
        "  SELECT id FROM run_categories WHERE parent_id = ? AND state = 'waiting'"
        "  UNION ALL SELECT rc.id FROM run_categories rc JOIN below ON rc.parent_id = below.id"
        "  WHERE rc.state = 'waiting'"
        ") SELECT id FROM below",
        (run_category_id,),
    )
    return [row["id"] for row in rows]


def category_states(store: Store, run_id: int) -> set[str]:
    """The set of states of a run's categories."""
    rows = store.rows("SELECT DISTINCT state FROM run_categories WHERE run_id = ?", (run_id,))
    return {row["state"] for row in rows}


def has_running_category(store: Store, run_id: int) -> bool:
    """Whether a category of a run is being trained."""
    row = store.row(
        "SELECT 1 FROM run_categories WHERE run_id = ? AND state = 'running'", (run_id,)
    )
    return row is not None


def has_category_to_train(store: Store, run_id: int) -> bool:
    """Whether a category of a run has training documents."""
    row = store.row("SELECT 1 FROM run_categories WHERE run_id = ? AND state <> 'empty'", (run_id,))
    return row is not None


def category_costs(store: Store, run_category_ids: Sequence[int]) -> dict[int, float]:
    """The cost of an epoch by row id, for categories with trials of their own."""
    marks = ", ".join("?" * len(run_category_ids))
    rows = store.rows(
        f"SELECT id, cost FROM run_categories WHERE lead_id IS NULL AND id IN ({marks})",
        tuple(run_category_ids),
    )
    return {row["id"]: float(row["cost"]) for row in rows}


@dataclass(frozen=True, slots=True)
class CategoryState:
    """The state of a category, its current attempt and the trial of its model."""

    run_id: int
    attempt: int
    state: str
    kept_trial_id: int | None


def category_state(store: Store, run_category_id: int) -> CategoryState | None:
    """The state of a category, or None if its run is gone."""
    row = store.row(
        "SELECT run_id, attempt, state, kept_trial_id FROM run_categories WHERE id = ?",
        (run_category_id,),
    )
    return None if row is None else CategoryState(*row)
