"""State transitions of trials, and their effect on the category, its descendants and the run.

Each function runs in one durable transaction, unless its docstring says that it is called inside
one. The transaction that ends a category's last trial selects the best class weight, marks the
category as done and its children as ready.
"""

from __future__ import annotations

from collections.abc import Callable

from core.settings import TrainingSettings
from core.training.class_weight_search import TrialScore, best_trial, next_rung, to_prune
from db.attempts import model_attempt, model_sources, record_attempt_model
from db.connection import Store
from db.events import add_event
from db.run_categories import (
    category_state,
    category_states,
    release_children,
    set_stale,
    update_category,
    waiting_below,
)
from db.runs import end_run, run_settings, run_state, set_run_state
from db.scorings import enqueue_scoring, fail_scoring_of, has_pending_scoring
from db.states import CLOSED_CATEGORY, OPEN
from db.trials import (
    Claim,
    ModelFile,
    Trial,
    attempt_tables,
    cancel_trials,
    crash_trial,
    crashed_trial,
    fail_trial,
    finish_trial,
    has_trial_to_train,
    is_table_needed,
    may_continue,
    promote_trial,
    prune_trial,
    release_trial,
    requeue_trial,
    running_trials_of,
    trials_of,
)
from db.workers import mark_scoring, present_workers, remove_supervisor, set_worker_state

MAX_CRASHES = 3
"""A trial fails after this number of worker crashes."""


def finish(
    store: Store, claim: Claim, model: ModelFile, save_table: Callable[[], None] = lambda: None
) -> bool:
    """Record a finished trial.

    Args:
        store: The database.
        claim: The claim of the worker.
        model: The model file.
        save_table: Writes the embedding table of the model. It is called inside the transaction,
            so that `remove_unused_tables` cannot remove the table in between.

    Returns:
        Whether this completes the category.

    Raises:
        LostClaimError: The worker has lost the trial.
    """
    with store.write(durable=True):
        finish_trial(store, claim, model)
        save_table()
        return _settled(store, claim)


def remove_unused_tables(
    store: Store, run_category_id: int, attempt: int, remove: Callable[[str], None]
) -> None:
    """Call `remove` with the name of each embedding table of an attempt that no model uses.

    Equal tables of other attempts and runs have the same name, so the models of all runs count.
    """
    with store.write(durable=True):
        for table in attempt_tables(store, run_category_id, attempt):
            if not is_table_needed(store, table):
                remove(table)


def fail(store: Store, claim: Claim, reason: str) -> bool:
    """Record a failed trial; return whether this completes the category."""
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
    """Release an unfinished trial: ready, or paused if its run or category is paused."""
    with store.write(durable=True):
        release_trial(store, claim, "ready" if may_continue(store, claim) else "paused")
        settle(store, claim.run_category_id)


def wait_at_rung(store: Store, claim: Claim) -> bool:
    """Let a trial wait at its rung; return whether this completes the category.

    When all trials of the category wait or have ended, the worse half is pruned and the others are
    promoted. If none is promoted, the category is completed with the trials that have ended.
    """
    with store.write(durable=True):
        release_trial(store, claim, "resting")
        return _settled(store, claim)


def _settled(store: Store, claim: Claim) -> bool:
    """Update the category of a trial; return whether it is done, so that it can be scored."""
    done = settle(store, claim.run_category_id) == "done"
    if done:
        # Set in this transaction, so that the supervisor never sees an idle worker.
        mark_scoring(store, claim.owner)
    return done


def crash(store: Store, trial_id: int, owner: int, reason: str) -> None:
    """Release the trial of a worker that died or raised an unexpected error.

    Does nothing if the worker `owner` does not hold the trial.
    """
    with store.write(durable=True):
        _crash(store, trial_id, owner, reason)


def end_worker(store: Store, worker_id: int, reason: str, *, is_crash: bool = True) -> None:
    """Mark a worker as ended and release its trials.

    With `is_crash=False` (for example a full disk or a locked database) the trials' crashes are not
    counted.
    """
    with store.write(durable=True):
        for trial_id, run_category_id in running_trials_of(store, worker_id):
            if is_crash:
                _crash(store, trial_id, worker_id, reason)
            else:
                requeue_trial(store, trial_id)
                settle(store, run_category_id)
        fail_scoring_of(store, worker_id, reason)
    set_worker_state(store, worker_id, "ended")


def _crash(store: Store, trial_id: int, owner: int, reason: str) -> None:
    if not crash_trial(store, trial_id, owner, reason, MAX_CRASHES):
        return
    trial = crashed_trial(store, trial_id)
    assert trial is not None
    then = "given up" if trial.state == "failed" else "it resumes from its checkpoint"
    add_event(
        store,
        "crash",
        f"class weight {trial.class_weight:g}, crash {trial.crashes}: {reason}; {then}",
        trial.run_id,
        trial.run_category_id,
    )
    settle(store, trial.run_category_id)


def settle(store: Store, run_category_id: int) -> str:
    """Update a category's state from its trials, inside a transaction; return the state."""
    category = category_state(store, run_category_id)
    if category is None:
        return "cancelled"
    trials = trials_of(store, run_category_id, category.attempt)
    if _halve(store, trials):
        trials = trials_of(store, run_category_id, category.attempt)
    state = _category_state(trials)
    if state == "done":
        _complete(store, run_category_id, category.attempt, trials)
        refresh_stale(store, category.run_id)
    elif state in ("failed", "cancelled") and category.kept_trial_id is not None:
        for descendant in waiting_below(store, run_category_id):
            cancel_category(store, descendant)
        fall_back(store, run_category_id, state)
        state = "done"
    elif state != category.state:
        update_category(store, run_category_id, state=state)
    if state == "failed":
        _give_up_descendants(store, category.run_id, run_category_id)
    settle_run(store, category.run_id)
    return state


def fall_back(store: Store, run_category_id: int, ended: str) -> None:
    """Restore the attempt of the active model, after a retraining that `ended` without a model.

    Called inside a transaction.
    """
    model = model_attempt(store, run_category_id)
    assert model is not None
    update_category(store, run_category_id, state="done", attempt=model.active)
    if model.attempt != model.active:
        add_event(
            store,
            ended,
            f"attempt {model.attempt} {ended}; the model of attempt {model.active} stays active",
            model.run_id,
            run_category_id,
        )


def refresh_stale(store: Store, run_id: int) -> None:
    """Mark categories as stale whose parent's active model is not the one they started from.

    Descendants of a stale category are stale too. Called inside a transaction.
    """
    if not TrainingSettings.from_json(run_settings(store, run_id)).transfer:
        return
    models: dict[int, int | None] = {}
    stale: dict[int, bool] = {}
    for category in model_sources(store, run_id):
        id_, parent_id = category.run_category_id, category.parent_id
        models[id_] = category.kept_trial_id
        stale[id_] = (
            category.origin == "parent"
            and parent_id is not None
            and (category.source_trial_id != models[parent_id] or stale[parent_id])
        )
        if stale[id_] != category.stale:
            set_stale(store, id_, stale=stale[id_])


def end_supervisor_if_idle(store: Store) -> bool:
    """Record the end of the supervisor if there is no work; return whether it may end.

    A run that is recorded afterwards finds no supervisor and starts one.
    """
    with store.write(durable=True):
        if has_work(store):
            return False
        remove_supervisor(store)
        return True


def has_work(store: Store) -> bool:
    """Whether a trial is running or ready, or a scoring is pending or in progress."""
    return (
        has_trial_to_train(store)
        or any(worker.state == "scoring" for worker in present_workers(store))
        or has_pending_scoring(store)
    )


def _halve(store: Store, trials: list[Trial]) -> bool:
    """Prune the worse half if all open trials wait at a rung; return whether anything changed."""
    waiting = [trial for trial in trials if trial.state == "resting"]
    if not waiting or any(t.state in OPEN for t in trials):
        return False
    competing = [
        TrialScore(trial.id, trial.class_weight, trial.f1 or 0.0)
        for trial in trials
        if trial.state in ("resting", "done")
    ]
    pruned = {score.trial_id for score in to_prune(competing)}
    for trial in waiting:
        if trial.id in pruned:
            prune_trial(store, trial.id)
        else:
            rung = next_rung(trial.rung)
            assert rung is not None
            promote_trial(store, trial.id, rung)
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
    update_category(store, run_category_id, state="done", kept_trial_id=best.trial_id)
    enqueue_scoring(store, best.trial_id)
    record_attempt_model(store, run_category_id, attempt, best.trial_id)
    release_children(store, run_category_id)


def cancel_category(store: Store, run_category_id: int) -> None:
    """Cancel the unfinished trials of a category, inside a transaction; keep its active model."""
    cancel_trials(store, run_category_id)
    category = category_state(store, run_category_id)
    assert category is not None
    if category.state in CLOSED_CATEGORY:
        return
    if category.kept_trial_id is not None:
        fall_back(store, run_category_id, "cancelled")
    else:
        update_category(store, run_category_id, state="cancelled")


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
    """Update a run's state from its categories, inside a transaction."""
    states = category_states(store, run_id)
    state = run_state(store, run_id)
    if states <= {*CLOSED_CATEGORY}:
        ended = "failed" if "failed" in states else "cancelled" if "cancelled" in states else "done"
        if state != ended:
            end_run(store, run_id, ended)
    elif state == "pausing" and "running" not in states:
        set_run_state(store, run_id, "paused")
