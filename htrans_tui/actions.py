"""The one registry of actions: footer, help, command palette and key bindings are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding

Scope = Literal["app", "runs", "monitor", "compare", "log", "classify"]
"""Where an action applies: everywhere, or on one screen."""


@dataclass(frozen=True, slots=True)
class Action:
    """Something that a key does.

    `name` is the method `action_<name>` of the app or screen in whose scope it is. `in_footer` says
    whether the footer shows it; help and command palette show all. `steers` says that it changes a
    run, which a read-only app does not.
    """

    name: str
    key: str
    label: str
    description: str
    scope: Scope
    in_footer: bool = True
    steers: bool = False


ACTIONS: tuple[Action, ...] = (
    Action("open_run", "enter", "Open", "Watch the run under the cursor", "runs"),
    Action("toggle_pause", "p", "Pause", "Pause the run, or let it go on", "runs", steers=True),
    Action("new_run", "n", "New", "Start a new run with a form", "runs", steers=True),
    Action("mark", "space", "Mark", "Mark the run to compare it with others", "runs"),
    Action("compare", "v", "Compare", "Compare the marked runs, the first is the baseline", "runs"),
    Action("classify", "c", "Classify", "Type text and see which categories accept it", "runs"),
    Action("log", "l", "Log", "Show the engine's log", "runs"),
    Action("toggle_pause", "p", "Pause", "Pause the run, or let it go on", "monitor", steers=True),
    Action(
        "pause_part",
        "P",
        "Pause part",
        "Pause or resume a category, or it and all below it",
        "monitor",
        in_footer=False,
        steers=True,
    ),
    Action(
        "retrain",
        "r",
        "Retrain",
        "Train a category again, alone or with all below it",
        "monitor",
        steers=True,
    ),
    Action(
        "restore",
        "b",
        "Bring back",
        "Bring back the model of the attempt under the cursor of the history",
        "monitor",
        in_footer=False,
        steers=True,
    ),
    Action(
        "cancel",
        "x",
        "Cancel",
        "Cancel a category, it and all below it, or the run",
        "monitor",
        in_footer=False,
        steers=True,
    ),
    Action("filter", "slash", "Filter", "Show the categories with a text in id or name", "monitor"),
    Action(
        "next_state",
        "f",
        "State",
        "Show the categories of one state after the other",
        "monitor",
        in_footer=False,
    ),
    Action(
        "next_sort",
        "s",
        "Sort",
        "As tree, or as list: worst F1, largest loss, fewest positives, slowest",
        "monitor",
    ),
    Action("next_tab", "d", "Details", "Show the next tab of the details", "monitor"),
    Action(
        "toggle_node",
        "space",
        "Fold",
        "Fold or unfold the category under the cursor",
        "monitor",
        in_footer=False,
    ),
    Action("log_scale", "y", "Log scale", "Draw losses on a log scale", "monitor", in_footer=False),
    Action("smoother", "plus", "Smoother", "Smooth the training loss", "monitor", in_footer=False),
    Action(
        "rougher", "minus", "Rougher", "Smooth the training loss less", "monitor", in_footer=False
    ),
    Action(
        "classify",
        "c",
        "Classify",
        "Type text and see which categories accept it",
        "monitor",
        in_footer=False,
    ),
    Action("log", "l", "Log", "Show the engine's log", "monitor", in_footer=False),
    Action("back", "escape", "Back", "Go back to the runs, or end the filter", "monitor"),
    Action("next_tab", "d", "Tables", "Show the next table", "compare"),
    Action("save", "w", "Write", "Write the comparison to a file", "compare"),
    Action("back", "escape", "Back", "Go back to the runs", "compare"),
    Action("next_log", "d", "Next log", "Show the log of the next process", "log"),
    Action("back", "escape", "Back", "Go back", "log"),
    Action("back", "escape", "Back", "Go back", "classify"),
    Action("clear_text", "ctrl+l", "Clear", "Empty the text", "classify"),
    Action("help", "question_mark", "Help", "List all keys", "app"),
    Action("help", "f1", "Help", "List all keys, also while typing", "app", in_footer=False),
    Action("quit", "q", "Quit", "Leave the app; runs go on in the background", "app"),
    Action("quit", "ctrl+q", "Quit", "Leave the app, also while typing", "app", in_footer=False),
)

STEERING = frozenset(action.name for action in ACTIONS if action.steers)
"""Names of the actions that change a run."""


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
