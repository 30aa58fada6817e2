"""Help: all keys, from the registry of actions, and the signs of the taxonomy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from htrans_tui.app.actions import Scope, actions_in, key_sign, keys_of
from htrans_tui.app.widgets.category_table import ALERT, STALE
from htrans_tui.formatting import STATE_SIGNS

_SCOPES: tuple[tuple[Scope, str], ...] = (
    ("app", "Everywhere"),
    ("runs", "Runs"),
    ("monitor", "Monitor"),
    ("predictions", "Predictions"),
    ("compare", "Compare"),
    ("log", "Log"),
    ("classify", "Classify"),
)


class HelpScreen(ModalScreen[None]):
    """List of keys, as a dialog over the current screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1", "app.pop_screen", "Close")
    ]

    def __init__(self, keymap: Mapping[str, str], scope: Scope) -> None:
        """Create the help with the user's `keymap` by action id; `scope` is listed first."""
        super().__init__()
        self._keymap = keymap
        self._scope = scope

    def compose(self) -> ComposeResult:
        """Compose the table of keys and signs."""
        with VerticalScroll(id="help"):
            yield Static(keys_table(self._keymap, self._scope), id="keys")

    def on_mount(self) -> None:
        """Focus the list, so that arrow keys scroll."""
        self.query_one("#help").focus()


def keys_table(keymap: Mapping[str, str], first: Scope) -> Table:
    """Build the table of all actions by scope, `first` at the top, and of all signs."""
    table = Table(box=None, show_header=False, padding=(0, 1))
    for scope, title in sorted(_SCOPES, key=lambda pair: pair[0] != first):
        table.add_row(Text(title, style="bold"), "")
        for action in actions_in(scope):
            keys = ", ".join(key_sign(key) for key in keys_of(action, keymap).split(","))
            table.add_row(Text(f"  {keys}"), Text(action.description))
    table.add_row(Text("Taxonomy", style="bold"), "")
    table.add_row(Text("  ← →"), Text("Fold or go to the parent; unfold or go to the first child"))
    table.add_row(Text("  click"), Text("Column title: sort; ▾: fold"))
    table.add_row(Text(f"  {STALE}"), Text("Stale: the parent has been retrained since"))
    table.add_row(Text(f"  {ALERT}"), Text("The category has an alert"))
    table.add_row(Text("States", style="bold"), "")
    for state, sign in STATE_SIGNS.items():
        table.add_row(Text(f"  {sign}"), Text(state))
    table.add_row("", Text("Escape closes the help. ctrl+p opens the command palette."))
    return table
