"""Training runs and the categories that they train."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import ConflictError, NotFoundError
from db.connection import Row, Store


@dataclass(frozen=True, slots=True)
class Run:
    """One training of a hierarchy; times are seconds since 1970 UTC."""

    id: int
    name: str
    corpus_id: int
    corpus: str
    vectors_id: int | None
    system: str
    settings: str
    seed: int
    coverage: float | None
    state: str
    created_at: float
    started_at: float | None
    finished_at: float | None


@dataclass(frozen=True, slots=True)
class RunCategory:
    """A category of a run; `key` and `parent_key` are the taxonomy's ids.

    `lead_id` is the category whose trials train this one too, None where its own do.
    `class_weight` is one that was given for it beforehand, in a model that it shares.
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
    lead_id: int | None
    class_weight: float | None

    @property
    def trained_by(self) -> int:
        """The row id of the category that has the trials which train this one."""
        return self.id if self.lead_id is None else self.lead_id


@dataclass(frozen=True, slots=True)
class NewRunCategory:
    """A category to be trained in a new run, with the state and the parameters it starts with.

    `cost` is what an epoch of one of its trials takes, in seconds of the reference machine. `lead`
    is the key of the category whose trials train it, which stands before it in the run.
    """

    key: str
    positives: int
    state: str
    origin: str = "scratch"
    cost: float = 1.0
    lead: str | None = None
    class_weight: float | None = None


_RUN = """
    SELECT r.id, r.name, r.corpus_id, c.name AS corpus, r.vectors_id, r.system, r.settings, r.seed,
           r.coverage, r.state, r.created_at, r.started_at, r.finished_at
    FROM runs r JOIN corpora c ON c.id = r.corpus_id
"""


def _run(row: Row) -> Run:
    return Run(*row)


def list_runs(store: Store) -> list[Run]:
    """All runs, the newest first."""
    return [_run(row) for row in store.rows(f"{_RUN} ORDER BY r.id DESC")]


def run_with_id(store: Store, run_id: int) -> Run:
    """The run with that number."""
    row = store.row(f"{_RUN} WHERE r.id = ?", (run_id,))
    if row is None:
        raise NotFoundError(f"the run with the number {run_id} is gone")
    return _run(row)


def run_named(store: Store, name: str | None) -> Run:
    """The run of that name, the newest without one; raise `NotFoundError` naming some."""
    if name is None:
        row = store.row(f"{_RUN} ORDER BY r.id DESC LIMIT 1")
        if row is None:
            raise NotFoundError("there is no run yet; start one with: htrans-tui train CORPUS")
        return _run(row)
    row = store.row(f"{_RUN} WHERE r.name = ?", (name,))
    if row is None:
        names = [run.name for run in list_runs(store)[:5]]
        known = f"the newest are {', '.join(names)}" if names else "there is none yet"
        raise NotFoundError(f"there is no run {name!r}; {known}")
    return _run(row)


def free_run_name(store: Store, base: str) -> str:
    """`base`, or with the first number that makes it free: base-2, base-3, …"""
    taken = {run.name for run in list_runs(store)}
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    return name


def create_run(
    store: Store,
    *,
    name: str | None,
    corpus_id: int,
    corpus_name: str,
    vectors_id: int | None,
    system: str,
    settings: str,
    seed: int,
    coverage: float,
    categories: Sequence[NewRunCategory],
    class_weights: Sequence[float],
) -> int:
    """Record a run with its categories and trials; return its id.

    Without a name it gets one from corpus and system. A category that is `empty`, or that another
    one's trials train, gets no trial.
    """
    with store.write(durable=True):
        chosen = name or free_run_name(store, f"{corpus_name}-{system}")
        if store.row("SELECT 1 FROM runs WHERE name = ?", (chosen,)):
            raise ConflictError(f"there is a run {chosen!r} already; choose another --name")
        cursor = store.execute(
            "INSERT INTO runs (name, corpus_id, vectors_id, system, settings, seed, coverage, "
            "state, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, 'running', ?)",
            (chosen, corpus_id, vectors_id, system, settings, seed, coverage, time.time()),
        )
        run_id = int(cursor.lastrowid or 0)
        _add_categories(store, run_id, corpus_id, categories, class_weights)
        return run_id


def _add_categories(
    store: Store,
    run_id: int,
    corpus_id: int,
    categories: Sequence[NewRunCategory],
    class_weights: Sequence[float],
) -> None:
    rows = store.rows("SELECT id, key, parent_id FROM categories WHERE corpus_id = ?", (corpus_id,))
    by_key = {row["key"]: row for row in rows}
    run_category: dict[int, int] = {}
    for category in categories:
        row = by_key[category.key]
        lead = None if category.lead is None else run_category[by_key[category.lead]["id"]]
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
                lead,
                category.class_weight,
            ),
        )
        run_category_id = int(cursor.lastrowid or 0)
        run_category[row["id"]] = run_category_id
        if category.state != "empty" and lead is None:
            add_attempt(
                store,
                run_category_id,
                attempt=1,
                origin=category.origin,
                changes="{}",
                state=category.state,
                class_weights=class_weights,
            )


def add_attempt(
    store: Store,
    run_category_id: int,
    *,
    attempt: int,
    origin: str,
    changes: str,
    state: str,
    class_weights: Sequence[float],
) -> None:
    """Record an attempt at a category with one trial for each class weight, in a transaction.

    `origin` says what it starts from: parent, scratch or current; `changes` is a JSON object of the
    settings that differ from the run's.
    """
    store.execute(
        "INSERT INTO attempts (run_category_id, attempt, origin, changes, created_at) "
        "VALUES (?, ?, ?, ?, ?)",
        (run_category_id, attempt, origin, changes, time.time()),
    )
    store.execute_many(
        "INSERT INTO trials (run_category_id, attempt, class_weight, state) "
        f"VALUES ({int(run_category_id)}, {int(attempt)}, ?, ?)",
        [(weight, state) for weight in class_weights],
    )


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt at a category: what it starts from, the settings it changes, what was kept."""

    attempt: int
    origin: str
    changes: str
    kept_trial_id: int | None
    created_at: float


def attempts_of(store: Store, run_category_id: int) -> list[Attempt]:
    """The attempts at a category, the first one first."""
    rows = store.rows(
        "SELECT attempt, origin, changes, kept_trial_id, created_at FROM attempts "
        "WHERE run_category_id = ? ORDER BY attempt",
        (run_category_id,),
    )
    return [Attempt(*row) for row in rows]


_CATEGORY = """
    SELECT rc.id, rc.run_id, rc.category_id, c.key, c.name, p.key AS parent_key, rc.parent_id,
           c.level, rc.positives, rc.state, rc.held, rc.stale, rc.attempt, rc.kept_trial_id,
           rc.lead_id, rc.class_weight
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
    """One category of a run."""
    row = store.row(f"{_CATEGORY} WHERE rc.id = ?", (run_category_id,))
    if row is None:
        raise NotFoundError(f"the category with the number {run_category_id} is gone")
    return _category(row)


def chosen_weights(store: Store, run_id: int) -> dict[str, float]:
    """The class weight that each category's search has chosen, by category id."""
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
    """Change a category and all that share its trials, inside a transaction.

    A column whose value is None stays as it is.
    """
    columns = {"state": state, "attempt": attempt, "kept_trial_id": kept_trial_id, "held": held}
    changes = {column: value for column, value in columns.items() if value is not None}
    assignments = ", ".join(f"{column} = ?" for column in changes)
    store.execute(
        f"UPDATE run_categories SET {assignments} WHERE id = ? OR lead_id = ?",
        (*changes.values(), run_category_id, run_category_id),
    )


def trained_together(store: Store, run_category_id: int) -> list[RunCategory]:
    """A category and those that its trials train too, in training order."""
    rows = store.rows(
        f"{_CATEGORY} WHERE rc.id = ? OR rc.lead_id = ? ORDER BY c.position",
        (run_category_id, run_category_id),
    )
    return [_category(row) for row in rows]


def end_run(store: Store, run_id: int, state: str) -> None:
    """Mark a run as ended now, inside a transaction."""
    store.execute(
        "UPDATE runs SET state = ?, finished_at = ? WHERE id = ?", (state, time.time(), run_id)
    )


def run_state(store: Store, run_id: int) -> str | None:
    """The state of a run, or None if the run is gone."""
    state: str | None = store.value("SELECT state FROM runs WHERE id = ?", (run_id,))
    return state


def set_run_state(store: Store, run_id: int, state: str) -> None:
    """Change the state of a run, inside a transaction."""
    store.execute("UPDATE runs SET state = ? WHERE id = ?", (state, run_id))


def reopen_run(store: Store, run_id: int) -> None:
    """Set an ended run to running again, inside a transaction."""
    store.execute("UPDATE runs SET state = 'running', finished_at = NULL WHERE id = ?", (run_id,))


def delete_run_rows(store: Store, run_id: int) -> None:
    """Delete a run and every row that belongs to it, inside a transaction."""
    store.execute("DELETE FROM runs WHERE id = ?", (run_id,))


def run_settings(store: Store, run_id: int) -> str:
    """The settings of a run as JSON."""
    return str(store.value("SELECT settings FROM runs WHERE id = ?", (run_id,)))


def category_states(store: Store, run_id: int) -> set[str]:
    """The states that the categories of a run have."""
    rows = store.rows("SELECT DISTINCT state FROM run_categories WHERE run_id = ?", (run_id,))
    return {row["state"] for row in rows}


def has_running_category(store: Store, run_id: int) -> bool:
    """Whether a category of a run is being trained."""
    row = store.row(
        "SELECT 1 FROM run_categories WHERE run_id = ? AND state = 'running'", (run_id,)
    )
    return row is not None


def set_held(store: Store, run_category_id: int, *, held: bool) -> None:
    """Hold a category or let it continue, inside a transaction."""
    store.execute("UPDATE run_categories SET held = ? WHERE id = ?", (int(held), run_category_id))


def set_stale(store: Store, run_category_id: int, *, stale: bool) -> None:
    """Mark a category as stale or not, inside a transaction."""
    store.execute("UPDATE run_categories SET stale = ? WHERE id = ?", (int(stale), run_category_id))


def category_costs(store: Store, run_category_ids: Sequence[int]) -> dict[int, float]:
    """The cost of an epoch by row id, for the categories with their own trials."""
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


@dataclass(frozen=True, slots=True)
class ModelAttempt:
    """The current attempt of a category, and the attempt that its model is from."""

    run_id: int
    attempt: int
    kept: int


def model_attempt(store: Store, run_category_id: int) -> ModelAttempt | None:
    """The attempts of a category, or None if it has no model."""
    row = store.row(
        "SELECT rc.run_id, rc.attempt, t.attempt AS kept FROM run_categories rc "
        "JOIN trials t ON t.id = rc.kept_trial_id WHERE rc.id = ?",
        (run_category_id,),
    )
    return None if row is None else ModelAttempt(*row)


@dataclass(frozen=True, slots=True)
class ModelSource:
    """The trial of a category's model, and the trial and origin that the model started from."""

    run_category_id: int
    parent_id: int | None
    kept_trial_id: int | None
    stale: bool
    source_trial_id: int | None
    origin: str | None


def model_sources(store: Store, run_id: int) -> list[ModelSource]:
    """The model sources of all categories of a run, in training order."""
    rows = store.rows(
        "SELECT rc.id, rc.parent_id, rc.kept_trial_id, rc.stale, t.source_trial_id, a.origin "
        "FROM run_categories rc JOIN categories c ON c.id = rc.category_id "
        "LEFT JOIN trials t ON t.id = rc.kept_trial_id "
        "LEFT JOIN attempts a ON a.run_category_id = rc.id AND a.attempt = t.attempt "
        "WHERE rc.run_id = ? ORDER BY c.position",
        (run_id,),
    )
    return [
        ModelSource(
            run_category_id=row["id"],
            parent_id=row["parent_id"],
            kept_trial_id=row["kept_trial_id"],
            stale=bool(row["stale"]),
            source_trial_id=row["source_trial_id"],
            origin=row["origin"],
        )
        for row in rows
    ]


def record_attempt_model(store: Store, run_category_id: int, attempt: int, trial_id: int) -> None:
    """Record the trial that an attempt selected, inside a transaction."""
    store.execute(
        "UPDATE attempts SET kept_trial_id = ? WHERE run_category_id = ? AND attempt = ?",
        (trial_id, run_category_id, attempt),
    )


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
    """Row ids of the categories below that wait for this one, directly or not."""
    rows = store.rows(
        "WITH RECURSIVE below (id) AS ("
        "  SELECT id FROM run_categories WHERE parent_id = ? AND state = 'waiting'"
        "  UNION ALL SELECT rc.id FROM run_categories rc JOIN below ON rc.parent_id = below.id"
        "  WHERE rc.state = 'waiting'"
        ") SELECT id FROM below",
        (run_category_id,),
    )
    return [row["id"] for row in rows]


def run_ids(store: Store) -> list[int]:
    """Row ids of all runs, ascending."""
    return [row["id"] for row in store.rows("SELECT id FROM runs ORDER BY id")]


def running_run_ids(store: Store) -> list[int]:
    """Row ids of the runs that are running."""
    return [row["id"] for row in store.rows("SELECT id FROM runs WHERE state = 'running'")]


def has_category_to_train(store: Store, run_id: int) -> bool:
    """Whether a category of a run has training documents."""
    row = store.row("SELECT 1 FROM run_categories WHERE run_id = ? AND state <> 'empty'", (run_id,))
    return row is not None


def recorded_kernel(store: Store, run_id: int) -> str | None:
    """The matrix-product kernel of a run, None before its first worker."""
    kernel: str | None = store.value("SELECT kernel FROM runs WHERE id = ?", (run_id,))
    return kernel


def record_kernel(store: Store, run_id: int, kernel: str) -> str:
    """Record the kernel of a run unless another worker was first; return the recorded one."""
    with store.write():
        store.execute("UPDATE runs SET kernel = coalesce(kernel, ?) WHERE id = ?", (kernel, run_id))
        return recorded_kernel(store, run_id) or kernel
