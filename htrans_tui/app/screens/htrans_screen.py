"""Base class of the app's screens."""

from __future__ import annotations

from textual.screen import Screen, ScreenResultType

from htrans_tui.app.actions import STEERING
from htrans_tui.app.services import AppServices


class HTransScreen(Screen[ScreenResultType]):
    """A screen with access to the app's services.

    In a read-only app, the steering actions are disabled and hidden.
    """

    def __init__(self, services: AppServices) -> None:
        super().__init__()
        self._services = services

    @property
    def services(self) -> AppServices:
        """The part of the app that screens use."""
        return self._services

    def check_action(
        self,
        action: str,
        parameters: tuple[object, ...],  # noqa: ARG002
    ) -> bool | None:
        """Return whether an action is available."""
        return not (self.services.read_only and action in STEERING)
