"""The one registry of actions: footer, help, command palette and key bindings are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding

Scope = Literal["app", "runs", "monitor", "classify"]
"""Where an action applies: everywhere, or on one screen."""


@dataclass(frozen=True, slots=True)
class Action:
    """Something that a key does.

    `name` is the method `action_<name>` of the app or screen in whose scope it is. `in_footer` says
    whether the footer shows it; help and command palette show all.
    """

    name: str
    key: str
    label: str
    description: str
    scope: Scope
    in_footer: bool = True


ACTIONS: tuple[Action, ...] = (
    Action("open_run", "enter", "Open", "Watch the run under the cursor", "runs"),
    Action("toggle_pause", "p", "Pause/resume", "Pause the run, or let it go on", "runs"),
    Action("toggle_pause", "p", "Pause/resume", "Pause the run, or let it go on", "monitor"),
    Action("classify", "c", "Classify", "Type text and see which categories accept it", "runs"),
    Action("classify", "c", "Classify", "Type text and see which categories accept it", "monitor"),
    Action(
        "toggle_node", "space", "Fold", "Fold or unfold the category under the cursor", "monitor"
    ),
    Action("next_tab", "d", "Details", "Show the next tab of the details", "monitor"),
    Action("back", "escape", "Back", "Go back to the runs", "monitor"),
    Action("back", "escape", "Back", "Go back", "classify"),
    Action("clear_text", "ctrl+l", "Clear", "Empty the text", "classify"),
    Action("help", "question_mark", "Help", "List all keys", "app"),
    Action("help", "f1", "Help", "List all keys, also while typing", "app", in_footer=False),
    Action("quit", "q", "Quit", "Leave the app; runs go on in the background", "app"),
    Action("quit", "ctrl+q", "Quit", "Leave the app, also while typing", "app", in_footer=False),
)


def bindings_for(scope: Scope) -> list[Binding]:
    """The key bindings of a scope."""
    return [
        Binding(
            action.key, action.name, action.label, show=action.in_footer, tooltip=action.description
        )
        for action in ACTIONS
        if action.scope == scope
    ]


def actions_in(scope: Scope) -> list[Action]:
    """The actions of a scope, in the order of the registry."""
    return [action for action in ACTIONS if action.scope == scope]
