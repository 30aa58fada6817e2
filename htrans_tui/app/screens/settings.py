"""Settings: theme, columns and refresh rate.

Changes apply at once and are saved to the settings file. In a browser they apply to the visit only.
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

_VISIT_NOTE = "The settings apply until this page is closed."


class SettingsScreen(ModalScreen[None]):
    """Applies changes at once. Save keeps them, Cancel reverts them."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Cancel")]

    def __init__(self, services: AppServices) -> None:
        super().__init__()
        self._services = services
        self._saved = services.preferences

    def compose(self) -> ComposeResult:
        """Compose the fields, the path of the settings file, and two buttons."""
        file_note = f"Saved to {printable(str(self._saved.path))}; keys can be changed there."
        low, high = REFRESH_RANGE
        with Vertical(classes="dialog", id="settings"):
            yield Static("Settings", classes="question", markup=False)
            with Horizontal(classes="row"):
                yield Static("theme", classes="label", markup=False)
                yield Select(
                    [(name, name) for name in self.app.available_themes],
                    value=self._saved.theme,
                    allow_blank=False,
                    id="theme",
                    compact=True,
                )
            with Horizontal(classes="row"):
                yield Static("refresh (s)", classes="label", markup=False)
                yield Input(
                    f"{self._saved.refresh:g}", placeholder=f"{low:g} to {high:g}", id="refresh"
                )
            yield Static("columns of the taxonomy", classes="field", markup=False)
            for name, description in COLUMN_NAMES.items():
                yield CheckMark(
                    Content(f"{name}: {description}"),
                    name in self._saved.columns,
                    name=name,
                    compact=True,
                )
            yield Static("", id="problem", markup=False)
            yield Static(Content(_VISIT_NOTE if self.app.is_web else file_note), classes="path")
            with Horizontal(classes="buttons"):
                yield Button("Save", id="go", variant="primary")
                yield Button("Cancel", id="leave")

    def on_select_changed(self) -> None:
        """Apply the theme."""
        self._apply()

    def on_input_changed(self) -> None:
        """Apply the refresh rate."""
        self._apply()

    def on_checkbox_changed(self) -> None:
        """Apply the columns."""
        self._apply()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Save or revert the changes."""
        if event.button.id == "leave":
            self.action_leave()
            return
        preferences = self._apply()
        if preferences is None:
            return
        try:
            if not self.app.is_web:
                save_preferences(preferences)
        except HTransError as error:
            self._show_problem(str(error))
        else:
            self.app.pop_screen()

    def action_leave(self) -> None:
        """Revert the changes and close the dialog."""
        self._services.apply_preferences(self._saved)
        self.app.pop_screen()

    def _apply(self) -> Preferences | None:
        """Apply the selected settings. Shows the problem and returns None if one is invalid."""
        try:
            preferences = replace(
                self._saved,
                theme=str(self.query_one("#theme", Select).value),
                refresh=refresh_of(self.query_one("#refresh", Input).value),
                columns=tuple(str(mark.name) for mark in self.query(CheckMark) if mark.value),
            )
        except HTransError as error:
            self._show_problem(str(error))
            return None
        self._show_problem("")
        self._services.apply_preferences(preferences)
        return preferences

    def _show_problem(self, text: str) -> None:
        self.query_one("#problem", Static).update(printable(text))
        self.query_one("#go", Button).disabled = bool(text)
