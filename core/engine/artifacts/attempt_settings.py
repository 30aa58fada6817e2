"""Settings of an attempt at a category."""

from __future__ import annotations

import dataclasses
import json

from core.settings import TrainingSettings
from db.runs import Run


def attempt_settings(run: Run, changes: str) -> TrainingSettings:
    """The settings of the run, updated with the changes of an attempt (a JSON object)."""
    values = json.loads(changes)
    if "class_weights" in values:
        values["class_weights"] = tuple(values["class_weights"])
    return dataclasses.replace(TrainingSettings.from_json(run.settings), **values)
