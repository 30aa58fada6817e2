"""The states of runs, categories and trials, and which may follow which.

This is the only place that says so. Migrations copy it into the table `transitions`, whose triggers
refuse every other change of a `state` column, whoever makes it.
"""

from __future__ import annotations

RUN = {
    "running": {"pausing", "paused", "done", "failed", "cancelled"},
    "pausing": {"paused", "running", "done", "failed", "cancelled"},
    "paused": {"running", "cancelled"},
    "done": set(),
    "failed": set(),
    "cancelled": set(),
}

CATEGORY = {
    "waiting": {"ready", "cancelled"},
    "ready": {"running", "cancelled"},
    "running": {"ready", "paused", "done", "failed", "cancelled"},
    "paused": {"ready", "running", "cancelled"},
    "done": set(),
    "failed": set(),
    "cancelled": set(),
    "empty": set(),
}

TRIAL = {
    "waiting": {"ready", "cancelled"},
    "ready": {"running", "cancelled"},
    "running": {"ready", "paused", "done", "failed", "cancelled"},
    "paused": {"ready", "cancelled"},
    "done": set(),
    "failed": set(),
    "cancelled": set(),
}

TABLES = {"runs": RUN, "run_categories": CATEGORY, "trials": TRIAL}
"""State machine of each table that has a column `state`."""
