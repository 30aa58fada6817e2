"""Settings of an attempt at a category."""

from __future__ import annotations

import dataclasses

from core.settings import TrainingSettings, values_from_json
from db.runs import Run


def attempt_settings(run: Run, changes: str) -> TrainingSettings:
    """The settings of the run, updated with the changes of an attempt (a JSON object)."""
    settings = TrainingSettings.from_json(run.settings)
    return dataclasses.replace(settings, **values_from_json(changes))
