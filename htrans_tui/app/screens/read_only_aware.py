"""A screen whose steering actions are not there in a read-only app."""

from __future__ import annotations

from textual.screen import Screen

from htrans_tui.app.actions import STEERING


class ReadOnlyAwareScreen(Screen[None]):
    """Hides what steers a run where nothing may be changed: from keys, footer and palette."""

    def check_action(
        self,
        action: str,
        parameters: tuple[object, ...],  # noqa: ARG002
    ) -> bool | None:
        """Whether an action is there."""
        return not (getattr(self.app, "read_only", False) and action in STEERING)
