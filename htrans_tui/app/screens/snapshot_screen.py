"""Protocol of the screens that show snapshots."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from htrans_tui.app.preferences import Preferences
from htrans_tui.app.snapshot import Snapshot


@runtime_checkable
class SnapshotScreen(Protocol):
    """A screen that shows snapshots."""

    def show(self, snapshot: Snapshot) -> None:
        """Update the widgets whose data changed."""

    def apply_preferences(self, preferences: Preferences) -> None:
        """Apply other preferences."""

    def leave(self) -> None:
        """Save the view before the app exits."""
