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
"""States of a run that has ended."""
ENDED_TRIAL = ("done", "dropped", "failed", "cancelled")
"""States of a trial that nobody will claim again."""

TABLES = {"runs": RUN, "run_categories": CATEGORY, "trials": TRIAL}
"""State machine of each table that has a column `state`."""
