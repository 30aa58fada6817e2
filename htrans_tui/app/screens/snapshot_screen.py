"""What the app asks of a screen."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from htrans_tui.app.preferences import Preferences
from htrans_tui.app.snapshot import Snapshot


@runtime_checkable
class SnapshotScreen(Protocol):
    """A screen that draws snapshots."""

    def show(self, snapshot: Snapshot) -> None:
        """Draw what has changed."""

    def use(self, preferences: Preferences) -> None:
        """Draw as other preferences have it."""

    def leave(self) -> None:
        """Keep what is to be remembered; the app ends."""
