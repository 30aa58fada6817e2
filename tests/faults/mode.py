"""How long the fault tests go on: in full if HTRANS_FAULTS=full, else just enough to try them."""

from __future__ import annotations

import os

FULL = os.environ.get("HTRANS_FAULTS") == "full"
KILLS = 60 if FULL else 6
"""Processes that are killed for each kind of file."""
ENGINE_KILLS = 100 if FULL else 2
"""Workers and supervisors that are killed while a run goes on."""
PAUSES = 12 if FULL else 1
"""Times that a run is paused at a random batch and resumed."""
SECONDS = 60.0 if FULL else 6.0
"""How long readers and writers use one database together."""
