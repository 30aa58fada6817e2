"""What the workspaces hold that are trained once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.workspace import Workspace


@dataclass(frozen=True)
class Trained:
    """A workspace with the small corpus and a finished run of it named `small`."""

    workspace: Workspace
    folder: Path


OTHER_SYSTEMS: dict[str, dict[str, Any]] = {
    "gru-att-basic": {"tune_thresholds": True, "calibrate": True, "consistent": "down"},
    "gru-att-multi": {"calibrate": True, "consistent": "up"},
    "dgcnn": {},
    "linear": {"tune_thresholds": True},
}
"""Settings that each run has besides the small ones; a run has the name of its system."""
