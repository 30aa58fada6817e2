"""How long the fault tests go on: in full if HTRANS_FAULTS=full, else just enough to try them."""

from __future__ import annotations

import os

FULL = os.environ.get("HTRANS_FAULTS") == "full"
KILLS = 60 if FULL else 6
"""Processes that are killed for each kind of file."""
SECONDS = 60.0 if FULL else 6.0
"""How long readers and writers use one database together."""
