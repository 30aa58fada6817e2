"""Runs of a real engine that a test disturbs, and what a run that nobody disturbs comes to."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

import psutil

from core.workspace import Workspace
from db.connection import Store
from tests.support.command_line import htrans

WEIGHTS = (1.0, 3.0)
TRAINING = (
    *("--class-weights=1,3", "--epochs=6", "--patience=6", "--batch-size=8"),
    *("--hidden-units=24", "--dimensions=24", "--learning-rate=0.005", "--device=cpu"),
    "--workers=2",
)
"""Options with which a trial takes a few seconds, so that it can be disturbed."""


@dataclass(frozen=True, slots=True)
class Models:
    """SHA-256 of the final model of each class weight of each category; None where it has none."""

    of: dict[tuple[str, float], str | None] = field(default_factory=dict)

    def part(self, *categories: str, weights: tuple[float, ...] = WEIGHTS) -> Models:
        """Those of some categories and class weights; each of them must be there."""
        return Models({(c, weight): self.of[c, weight] for c in categories for weight in weights})


def models(store: Store) -> Models:
    """The models of the only run of a workspace."""
    rows = store.rows(
        "SELECT c.key, t.class_weight, t.sha256 FROM trials t "
        "JOIN run_categories rc ON rc.id = t.run_category_id "
        "JOIN categories c ON c.id = rc.category_id"
    )
    return Models({(row["key"], row["class_weight"]): row["sha256"] for row in rows})


def start(workspace: Workspace, *options: str) -> Store:
    """Start a run named `r`; a later option replaces one of `TRAINING`."""
    result = htrans(workspace, "train", "small", "--name", "r", *TRAINING, *options)
    assert result.returncode == 0, result.stderr
    return Store(workspace.database)


def run_state(store: Store) -> str:
    return str(store.value("SELECT state FROM runs"))


def engine_processes(workspace: Workspace) -> list[psutil.Process]:
    """Every process of this workspace's engine."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            command = process.cmdline()
            if any(part.startswith("core.engine.") for part in command) and (
                str(workspace.root.absolute()) in command
            ):
                found.append(process)
    return found
