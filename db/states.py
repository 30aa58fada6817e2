"""The state machines of runs, categories and trials.

A migration copies the allowed transitions into the table `transitions`. Triggers reject every other
update of a `state` column.
"""

from __future__ import annotations

RUN = {
    "running": {"pausing", "paused", "done", "failed", "cancelled"},
    "pausing": {"paused", "running", "done", "failed", "cancelled"},
    "paused": {"running", "cancelled"},
    # An ended run continues when one of its categories is retrained.
    "done": {"running", "failed", "cancelled"},
    "failed": {"running", "done", "cancelled"},
    "cancelled": {"running", "done", "failed"},
}

CATEGORY = {
    # To "done" and "failed": a retraining ended without a model, so the earlier state is restored.
    "waiting": {"ready", "cancelled", "done", "failed"},
    "ready": {"running", "cancelled", "done", "failed"},
    "running": {"ready", "paused", "done", "failed", "cancelled"},
    "paused": {"ready", "running", "cancelled", "done", "failed"},
    # From final states: the category is retrained, or an earlier attempt is restored.
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
    # Waiting at a rung of successive halving.
    "resting": {"ready", "dropped", "cancelled"},
    "done": set(),
    "dropped": set(),
    "failed": set(),
    "cancelled": set(),
}

ENDED = ("done", "failed", "cancelled")
"""States of an ended run or category."""
CLOSED_CATEGORY = (*ENDED, "empty")
"""States of a category that has no training left."""
STARTABLE = ("running", "paused", "ready")
"""States of an unfinished category that does not wait for its parent."""
OPEN = (*STARTABLE, "waiting")
"""States of an unfinished category, in order of precedence.

The state of a category is the first of these that one of its trials has.
"""
WITH_LOSSES = ("running", "done")
"""States of a category whose current attempt has losses."""
HOLDABLE = ("waiting", "ready")
"""States of a category that is displayed as paused while it is held."""
ACTIVE_RUN = ("running", "pausing")
"""States of a run whose trials workers may hold."""
PAUSED_RUN = ("pausing", "paused")
"""States of a run that starts no trials until it is resumed."""
COMPLETED_TRIAL = ("done", "dropped")
"""States of a trial that ended without a failure or a cancellation."""
ENDED_TRIAL = (*COMPLETED_TRIAL, "failed", "cancelled")
"""States of a trial that no worker claims any more."""
OPEN_TRIAL = (*OPEN, "resting")
"""States of an unfinished trial."""
UNCLAIMED_TRIAL = ("ready", "waiting")
"""States of an unfinished trial before a worker claims it."""
STARTABLE_TRIAL = (*STARTABLE, "resting")
"""States of an unfinished trial that does not wait for its parent."""
BUSY_WORKER = ("training", "scoring")
"""States of a busy worker."""


def sql_list(states: tuple[str, ...]) -> str:
    """Format states as the right-hand side of the SQL operator IN."""
    return f"({', '.join(repr(state) for state in states)})"


TABLES = {"runs": RUN, "run_categories": CATEGORY, "trials": TRIAL}
"""State machine of each table with a checked column `state`."""
