"""What a change of one trial means for its category, the categories below it and the run.

All public functions here run in one durable transaction each, but `settle`, which is part of one.
The one that ends a category's last trial picks the best class weight, marks the category done and
its children ready.
"""

from __future__ import annotations

from collections.abc import Callable

from core.settings import TrainingSettings
from core.training.class_weight_search import TrialScore, best_trial, next_rung, trailing
from db.connection import Store
from db.events import add_event
from db.runs import end_run, update_category
from db.scorings import enqueue_scoring, fail_scoring_of, has_pending_scoring
from db.states import CLOSED_CATEGORY, OPEN, OPEN_TRIAL, sql_list
from db.trials import (
    Claim,
    ModelFile,
    Trial,
    crash_trial,
    fail_trial,
    finish_trial,
    is_table_needed,
    may_go_on,
    release_trial,
    trials_of,
)
from db.workers import present_workers, remove_supervisor, set_worker_state

MOST_CRASHES = 3
"""A trial that has taken so many workers down is given up."""


def finish(
    store: Store, claim: Claim, model: ModelFile, put_table: Callable[[], None] = lambda: None
) -> bool:
    """Record a finished trial; True if its category is done with it.

    `put_table` writes the model's embedding table if it is not there. It is called inside the
    transaction, since `remove_unused_tables` removes tables inside one: from then on it is needed.
    """
    with store.write(durable=True):
        finish_trial(store, claim, model)
        put_table()
        return _settled(store, claim)


def remove_unused_tables(
    store: Store, run_category_id: int, attempt: int, remove: Callable[[str], None]
) -> None:
    """Call `remove` with each embedding table of an attempt that no model needs any more.

    Equal tables of other attempts and runs have the same name, so all are asked.
    """
    with store.write(durable=True):
        for row in store.rows(
            "SELECT DISTINCT embeddings FROM trials WHERE run_category_id = ? AND attempt = ? "
            "AND embeddings IS NOT NULL",
            (run_category_id, attempt),
        ):
            if not is_table_needed(store, row["embeddings"]):
                remove(row["embeddings"])


def fail(store: Store, claim: Claim, reason: str) -> bool:
    """Record a trial that can never succeed; True as `finish` returns it."""
    with store.write(durable=True):
        fail_trial(store, claim, reason)
        add_event(
            store,
            "failed",
            f"class weight {claim.class_weight:g} failed: {reason}",
            claim.run_id,
            claim.run_category_id,
        )
        return _settled(store, claim)


def release(store: Store, claim: Claim) -> None:
    """Give a trial back unfinished: ready for another worker, or paused if it may not go on."""
    with store.write(durable=True):
        release_trial(store, claim, "ready" if may_go_on(store, claim) else "paused")
        settle(store, claim.run_category_id)


def rest(store: Store, claim: Claim) -> bool:
    """Let a trial of a race rest at its rung; True as `finish` returns it.

    The last of a category's trials to rest or end decides which of those that rest go on. If none
    does, the category is done with those that have ended before.
    """
    with store.write(durable=True):
        release_trial(store, claim, "resting")
        return _settled(store, claim)


def _settled(store: Store, claim: Claim) -> bool:
    """Bring the category in line with its trials; whether it is done, so that it can be scored."""
    done = settle(store, claim.run_category_id) == "done"
    if done:
        # Said here already, so that the supervisor does not take the worker for idle.
        store.execute("UPDATE workers SET state = 'scoring' WHERE id = ?", (claim.owner,))
    return done


def crash(store: Store, trial_id: int, owner: int, reason: str) -> None:
    """Take a trial from its worker `owner`, which died or raised an unexpected error.

    Does nothing if the trial is no longer that worker's.
    """
    with store.write(durable=True):
        _crash(store, trial_id, owner, reason)


def end_worker(store: Store, worker_id: int, reason: str, *, is_crash: bool = True) -> None:
    """Enter a worker's death, and take from it what it held.

    Where the trial had no part in the death (a full disk, a locked database), it is no crash of it.
    """
    with store.write(durable=True):
        for row in store.rows(
            "SELECT id, run_category_id FROM trials WHERE owner = ? AND state = 'running'",
            (worker_id,),
        ):
            if is_crash:
                _crash(store, row["id"], worker_id, reason)
            else:
                store.execute(
                    "UPDATE trials SET state = 'ready', owner = NULL WHERE id = ?", (row["id"],)
                )
                settle(store, row["run_category_id"])
        fail_scoring_of(store, worker_id, reason)
    set_worker_state(store, worker_id, "ended")


def _crash(store: Store, trial_id: int, owner: int, reason: str) -> None:
    if not crash_trial(store, trial_id, owner, reason, MOST_CRASHES):
        return
    row = store.row(
        "SELECT t.run_category_id, t.class_weight, t.crashes, t.state, rc.run_id FROM trials t "
        "JOIN run_categories rc ON rc.id = t.run_category_id WHERE t.id = ?",
        (trial_id,),
    )
    assert row is not None
    then = "given up" if row["state"] == "failed" else "it goes on from its checkpoint"
    add_event(
        store,
        "crash",
        f"class weight {row['class_weight']:g}, crash {row['crashes']}: {reason}; {then}",
        row["run_id"],
        row["run_category_id"],
    )
    settle(store, row["run_category_id"])


def settle(store: Store, run_category_id: int) -> str:
    """Bring a category's state in line with its trials, inside a transaction; return it."""
    row = store.row(
        "SELECT run_id, attempt, state, kept_trial_id FROM run_categories WHERE id = ?",
        (run_category_id,),
    )
    if row is None:
        return "cancelled"
    trials = trials_of(store, run_category_id, row["attempt"])
    if _decide_race(store, trials):
        trials = trials_of(store, run_category_id, row["attempt"])
    state = _category_state(trials)
    if state == "done":
        _complete(store, run_category_id, row["attempt"], trials)
        refresh_stale(store, row["run_id"])
    elif state in ("failed", "cancelled") and row["kept_trial_id"] is not None:
        for descendant in waiting_below(store, run_category_id):
            cancel_category(store, descendant)
        fall_back(store, run_category_id, state)
        state = "done"
    elif state != row["state"]:
        update_category(store, run_category_id, "state = ?", (state,))
    if state == "failed":
        _give_up_descendants(store, row["run_id"], run_category_id)
    settle_run(store, row["run_id"])
    return state


def fall_back(store: Store, run_category_id: int, ended: str) -> None:
    """Let the model of an earlier attempt stand, after a retraining that `ended` without one."""
    row = store.row(
        "SELECT rc.run_id, rc.attempt, t.attempt AS kept FROM run_categories rc "
        "JOIN trials t ON t.id = rc.kept_trial_id WHERE rc.id = ?",
        (run_category_id,),
    )
    assert row is not None
    update_category(store, run_category_id, "state = 'done', attempt = ?", (row["kept"],))
    if row["attempt"] != row["kept"]:
        add_event(
            store,
            ended,
            f"attempt {row['attempt']} {ended}; the model of attempt {row['kept']} stays",
            row["run_id"],
            run_category_id,
        )


def refresh_stale(store: Store, run_id: int) -> None:
    """Mark the categories whose parent has another model than they started from.

    Inside a transaction. What stands below a stale category is stale too.
    """
    settings = store.value("SELECT settings FROM runs WHERE id = ?", (run_id,))
    if not TrainingSettings.from_json(settings).transfer:
        return
    rows = store.rows(
        "SELECT rc.id, rc.parent_id, rc.kept_trial_id, rc.stale, t.source_trial_id, a.origin "
        "FROM run_categories rc JOIN categories c ON c.id = rc.category_id "
        "LEFT JOIN trials t ON t.id = rc.kept_trial_id "
        "LEFT JOIN attempts a ON a.run_category_id = rc.id AND a.attempt = t.attempt "
        "WHERE rc.run_id = ? ORDER BY c.position",
        (run_id,),
    )
    kept: dict[int, int | None] = {}
    stale: dict[int, bool] = {}
    for row in rows:
        kept[row["id"]] = row["kept_trial_id"]
        from_parent = row["origin"] == "parent" and row["parent_id"] is not None
        stale[row["id"]] = from_parent and (
            row["source_trial_id"] != kept[row["parent_id"]] or stale[row["parent_id"]]
        )
        if stale[row["id"]] != bool(row["stale"]):
            store.execute(
                "UPDATE run_categories SET stale = ? WHERE id = ?",
                (int(stale[row["id"]]), row["id"]),
            )


def end_supervisor_if_idle(store: Store) -> bool:
    """Take the supervisor out if no run has work for it; True if so.

    A run that is recorded after this sees that there is no supervisor, and starts one.
    """
    with store.write(durable=True):
        if has_work(store):
            return False
        remove_supervisor(store)
        return True


def has_work(store: Store) -> bool:
    """Whether any trial is held by a worker, or ready to be claimed, or documents to be scored."""
    return (
        store.row(
            "SELECT 1 FROM trials t JOIN run_categories rc ON rc.id = t.run_category_id "
            "JOIN runs r ON r.id = rc.run_id WHERE t.state = 'running' "
            "OR (t.state = 'ready' AND r.state = 'running' AND NOT rc.held) LIMIT 1"
        )
        is not None
        or any(worker.state == "scoring" for worker in present_workers(store))
        or has_pending_scoring(store)
    )


def _decide_race(store: Store, trials: list[Trial]) -> bool:
    """Once all that are not ended rest, let the worse half drop out; True if anything changed."""
    resting = [trial for trial in trials if trial.state == "resting"]
    if not resting or any(t.state in OPEN for t in trials):
        return False
    racing = [
        TrialScore(trial.id, trial.class_weight, trial.f1 or 0.0)
        for trial in trials
        if trial.state in ("resting", "done")
    ]
    out = {score.trial_id for score in trailing(racing)}
    for trial in resting:
        if trial.id in out:
            store.execute("UPDATE trials SET state = 'dropped' WHERE id = ?", (trial.id,))
        else:
            store.execute(
                "UPDATE trials SET state = 'ready', rung = ? WHERE id = ?",
                (next_rung(trial.rung), trial.id),
            )
    return True


def _category_state(trials: list[Trial]) -> str:
    states = {trial.state for trial in trials}
    for state in OPEN:
        if state in states:
            return state
    if "done" in states:
        return "done"
    return "failed" if "failed" in states else "cancelled"


def _complete(store: Store, run_category_id: int, attempt: int, trials: list[Trial]) -> None:
    best = best_trial(
        TrialScore(trial.id, trial.class_weight, trial.f1 or 0.0)
        for trial in trials
        if trial.state == "done"
    )
    assert best is not None
    update_category(store, run_category_id, "state = 'done', kept_trial_id = ?", (best.trial_id,))
    enqueue_scoring(store, best.trial_id)
    store.execute(
        "UPDATE attempts SET kept_trial_id = ? WHERE run_category_id = ? AND attempt = ?",
        (best.trial_id, run_category_id, attempt),
    )
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


def cancel_category(store: Store, run_category_id: int) -> None:
    """Cancel what is unfinished of a category, inside a transaction; its old model stays."""
    store.execute(
        "UPDATE trials SET state = 'cancelled', owner = NULL WHERE run_category_id = ? "
        f"AND state IN {sql_list(OPEN_TRIAL)}",
        (run_category_id,),
    )
    row = store.row(
        "SELECT state, kept_trial_id FROM run_categories WHERE id = ?", (run_category_id,)
    )
    assert row is not None
    if row["state"] in CLOSED_CATEGORY:
        return
    if row["kept_trial_id"] is not None:
        fall_back(store, run_category_id, "cancelled")
    else:
        update_category(store, run_category_id, "state = 'cancelled'")


def _give_up_descendants(store: Store, run_id: int, run_category_id: int) -> None:
    waiting = waiting_below(store, run_category_id)
    for descendant in waiting:
        cancel_category(store, descendant)
    then = f"; {len(waiting)} categories below it are not trained" if waiting else ""
    add_event(
        store,
        "given up",
        f"every class weight failed{then}",
        run_id,
        run_category_id,
    )


def settle_run(store: Store, run_id: int) -> None:
    """Bring a run's state in line with its categories, inside a transaction."""
    states = {
        row["state"]
        for row in store.rows(
            "SELECT DISTINCT state FROM run_categories WHERE run_id = ?", (run_id,)
        )
    }
    run_state = store.value("SELECT state FROM runs WHERE id = ?", (run_id,))
    if states <= {*CLOSED_CATEGORY}:
        ended = "failed" if "failed" in states else "cancelled" if "cancelled" in states else "done"
        if run_state != ended:
            end_run(store, run_id, ended)
    elif run_state == "pausing" and "running" not in states:
        store.execute("UPDATE runs SET state = 'paused' WHERE id = ?", (run_id,))
