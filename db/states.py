"""The states of runs, categories and trials, and which may follow which.

This is the only place that says so. Migrations copy it into the table `transitions`, whose triggers
refuse every other change of a `state` column, whoever makes it.
"""

from __future__ import annotations

RUN = {
    "running": {"pausing", "paused", "done", "failed", "cancelled"},
    "pausing": {"paused", "running", "done", "failed", "cancelled"},
    "paused": {"running", "cancelled"},
    # A run that has ended goes on when one of its categories is retrained.
    "done": {"running", "failed", "cancelled"},
    "failed": {"running", "done", "cancelled"},
    "cancelled": {"running", "done", "failed"},
}

CATEGORY = {
    # To "done" and "failed": a retraining ends without a model, and what was before stays.
    "waiting": {"ready", "cancelled", "done", "failed"},
    "ready": {"running", "cancelled", "done", "failed"},
    "running": {"ready", "paused", "done", "failed", "cancelled"},
    "paused": {"ready", "running", "cancelled", "done", "failed"},
    # From the final states: the category is retrained, or an earlier attempt is restored.
    "done": {"ready", "waiting"},
    "failed": {"ready", "waiting", "done"},
    "cancelled": {"ready", "waiting", "done"},
    "empty": set(),
}

TRIAL = {
    "waiting": {"ready", "cancelled"},
    "ready": {"running", "cancelled"},
    "running": {"ready", "paused", "resting", "done", "failed", "cancelled"},
    "paused": {"ready", "cancelled"},
    # In a race: it has come to where the class weights are compared, and waits for the others.
    "resting": {"ready", "dropped", "cancelled"},
    "done": set(),
    "dropped": set(),
    "failed": set(),
    "cancelled": set(),
}

ENDED = ("done", "failed", "cancelled")
"""States of a run or a category that has ended."""
CLOSED_CATEGORY = (*ENDED, "empty")
"""States of a category that has no training left."""
STARTABLE = ("running", "paused", "ready")
"""States of an unfinished category that does not wait for its parent."""
OPEN = (*STARTABLE, "waiting")
"""States of a category that is unfinished, in order of precedence.

Trials have them too: the first one that any trial of a category has is the category's state.
"""
WITH_LOSSES = ("running", "done")
"""States of a category whose current attempt has losses to judge."""
HOLDABLE = ("waiting", "ready")
"""States of a category that is shown as paused while it is held."""
ACTIVE_RUN = ("running", "pausing")
"""States of a run whose trials may be at a worker."""
PAUSED_RUN = ("pausing", "paused")
"""States of a run that starts no more trials until somebody resumes it."""
COMPLETED_TRIAL = ("done", "dropped")
"""States of a trial that ended without a failure or a cancellation."""
ENDED_TRIAL = (*COMPLETED_TRIAL, "failed", "cancelled")
"""States of a trial that no worker will claim again."""
OPEN_TRIAL = (*OPEN, "resting")
"""States of a trial that is unfinished."""
UNCLAIMED_TRIAL = ("ready", "waiting")
"""States of an unfinished trial before a worker claims it."""
STARTABLE_TRIAL = (*STARTABLE, "resting")
"""States of an unfinished trial that does not wait for its parent."""
BUSY_WORKER = ("training", "scoring")
"""States of a worker that has a task."""


def sql_list(states: tuple[str, ...]) -> str:
    """Format states as the right-hand side of the SQL operator IN."""
    return f"({', '.join(repr(state) for state in states)})"


TABLES = {"runs": RUN, "run_categories": CATEGORY, "trials": TRIAL}
"""State machine of each table that has a column `state`."""
