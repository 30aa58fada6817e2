"""Settings: theme, columns and refresh rate, shown at once and kept in the settings file.

In a browser they hold for the visit and change no file.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Select, Static

from core.errors import HTransError
from core.text.plain_text import printable
from htrans_tui.app.preferences import (
    COLUMN_NAMES,
    REFRESH_RANGE,
    Preferences,
    refresh_of,
    save_preferences,
)
from htrans_tui.app.services import AppServices
from htrans_tui.app.widgets.marks import CheckMark

_OF_A_VISIT = "They hold until this page is closed"


class SettingsScreen(ModalScreen[None]):
    """What is changed holds at once; it is kept with Save, and as before with Leave."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave")]

    def __init__(self, services: AppServices) -> None:
        super().__init__()
        self._services = services
        self._before = services.preferences

    def compose(self) -> ComposeResult:
        """The fields, where they are kept, and two buttons."""
        kept = f"Kept in {printable(str(self._before.path))}, where keys are changed too"
        low, high = REFRESH_RANGE
        with Vertical(classes="dialog", id="settings"):
            yield Static("Settings", classes="question", markup=False)
            with Horizontal(classes="row"):
                yield Static("theme", classes="label", markup=False)
                yield Select(
                    [(name, name) for name in self.app.available_themes],
                    value=self._before.theme,
                    allow_blank=False,
                    id="theme",
                    compact=True,
                )
            with Horizontal(classes="row"):
                yield Static("refresh, seconds", classes="label", markup=False)
                yield Input(
                    f"{self._before.refresh:g}", placeholder=f"{low:g} to {high:g}", id="refresh"
                )
            yield Static("columns of the taxonomy", classes="field", markup=False)
            for name, what in COLUMN_NAMES.items():
                yield CheckMark(
                    Content(f"{name}: {what}"),
                    name in self._before.columns,
                    name=name,
                    compact=True,
                )
            yield Static("", id="outlook", markup=False)
            yield Static(Content(_OF_A_VISIT if self.app.is_web else kept), classes="place")
            with Horizontal(classes="buttons"):
                yield Button("Save", id="go", variant="primary")
                yield Button("Leave", id="leave")

    def on_select_changed(self) -> None:
        """Show the theme."""
        self._try()

    def on_input_changed(self) -> None:
        """Use the refresh rate."""
        self._try()

    def on_checkbox_changed(self) -> None:
        """Show the columns."""
        self._try()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Keep the settings, or leave them as they were."""
        if event.button.id == "leave":
            self.action_leave()
            return
        preferences = self._try()
        if preferences is None:
            return
        try:
            if not self.app.is_web:
                save_preferences(preferences)
        except HTransError as error:
            self._say(str(error))
        else:
            self.app.pop_screen()

    def action_leave(self) -> None:
        """Let the settings be what they were."""
        self._services.use(self._before)
        self.app.pop_screen()

    def _try(self) -> Preferences | None:
        """Let what is chosen hold; say why it cannot."""
        try:
            preferences = replace(
                self._before,
                theme=str(self.query_one("#theme", Select).value),
                refresh=refresh_of(self.query_one("#refresh", Input).value),
                columns=tuple(str(tick.name) for tick in self.query(CheckMark) if tick.value),
            )
        except HTransError as error:
            self._say(str(error))
            return None
        self._say("")
        self._services.use(preferences)
        return preferences

    def _say(self, text: str) -> None:
        self.query_one("#outlook", Static).update(printable(text))
        self.query_one("#go", Button).disabled = bool(text)
