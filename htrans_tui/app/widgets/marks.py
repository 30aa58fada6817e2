"""Check boxes and radio buttons that show their state without colour."""

from __future__ import annotations

from textual.widgets import Checkbox, RadioButton


class CheckMark(Checkbox):
    """A check box that is blank while it is off."""

    @property
    def BUTTON_INNER(self) -> str:  # type: ignore[override]  # noqa: N802  # Textual's name
        """Sign of the state."""
        return "X" if self.value else " "


class RadioMark(RadioButton):
    """A radio button that is blank while it is off."""

    @property
    def BUTTON_INNER(self) -> str:  # type: ignore[override]  # noqa: N802  # Textual's name
        """Sign of the state."""
        return "●" if self.value else " "
