"""The one registry of actions: footer, help, command palette and key bindings are made from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding

Scope = Literal["app", "runs", "monitor", "predictions", "compare", "log", "classify"]
"""Where an action applies: everywhere, or on one screen."""


@dataclass(frozen=True, slots=True)
class Action:
    """Something that a key does.

    `name` is the method `action_<name>` of the app or screen in whose scope it is. `keys` are
    separated by commas; the footer shows the first, if `in_footer`; help and command palette show
    all actions. `steers` says that it changes a run, which a read-only app does not; `is_first`
    that its keys come before those of the widget in focus.
    """

    name: str
    keys: str
    label: str
    description: str
    scope: Scope
    in_footer: bool = True
    steers: bool = False
    is_first: bool = False

    @property
    def id(self) -> str:
        """Names the action in the settings file, so that it can have other keys."""
        return f"{self.scope}.{self.name}"


_HIDDEN = False

ACTIONS: tuple[Action, ...] = (
    Action("open_run", "enter", "Open", "Watch the run under the cursor", "runs"),
    Action("toggle_pause", "p", "Pause", "Pause the run, or let it go on", "runs", steers=True),
    Action("new_run", "n", "New", "Start a new run with a form", "runs", steers=True),
    Action("mark", "space", "Mark", "Mark the run to compare it with others", "runs"),
    Action("compare", "v", "Compare", "Compare the marked runs, the first is the baseline", "runs"),
    Action(
        "delete",
        "D",
        "Delete",
        "Delete the run with its models, after a question",
        "runs",
        _HIDDEN,
        steers=True,
    ),
    Action("classify", "c", "Classify", "Type text and see which categories accept it", "runs"),
    Action("save", "w", "Write", "Write the table to a CSV file", "runs", _HIDDEN),
    Action("log", "l", "Log", "Show the engine's log", "runs", _HIDDEN),
    Action("toggle_pause", "p", "Pause", "Pause the run, or let it go on", "monitor", steers=True),
    Action(
        "pause_part",
        "P",
        "Pause part",
        "Pause or resume a category, or it and all below it",
        "monitor",
        _HIDDEN,
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
        _HIDDEN,
        steers=True,
    ),
    Action(
        "cancel",
        "x",
        "Cancel",
        "Cancel a category, it and all below it, or the run",
        "monitor",
        _HIDDEN,
        steers=True,
    ),
    Action(
        "filter",
        "slash",
        "Filter",
        "Show the categories with a text in id or name",
        "monitor",
        is_first=True,
    ),
    Action(
        "next_state",
        "f",
        "State",
        "Show the categories of one state after the other",
        "monitor",
        _HIDDEN,
    ),
    Action(
        "next_sort",
        "s",
        "Sort",
        "As tree, or as list: worst F1, largest loss, fewest positives, slowest",
        "monitor",
        _HIDDEN,
    ),
    Action(
        "inspect",
        "i",
        "Inspect",
        "Show what the category's model gets right and wrong",
        "monitor",
    ),
    Action("next_alert", "a", "Alert", "Go to the next category with an alert", "monitor", _HIDDEN),
    Action("next_tab", "d", "Details", "Show the next tab of the details", "monitor"),
    Action(
        "toggle_node",
        "space",
        "Fold",
        "Fold or unfold the category under the cursor",
        "monitor",
        _HIDDEN,
    ),
    Action(
        "next_measure",
        "m",
        "Measure",
        "Curves of all measures, or of one after the other",
        "monitor",
        _HIDDEN,
    ),
    Action(
        "read_right",
        "right_square_bracket",
        "Read on",
        "Read the curves' values one epoch further",
        "monitor",
        _HIDDEN,
    ),
    Action(
        "read_left",
        "left_square_bracket",
        "Read back",
        "Read the curves' values one epoch before",
        "monitor",
        _HIDDEN,
    ),
    Action("log_scale", "y", "Log scale", "Draw losses on a log scale", "monitor", _HIDDEN),
    Action("smoother", "plus", "Smoother", "Smooth the training loss", "monitor", _HIDDEN),
    Action("rougher", "minus", "Rougher", "Smooth the training loss less", "monitor", _HIDDEN),
    Action(
        "classify",
        "c",
        "Classify",
        "Type text and see which categories accept it",
        "monitor",
        _HIDDEN,
    ),
    Action("save", "w", "Write", "Write the table in focus to a CSV file", "monitor", _HIDDEN),
    Action("log", "l", "Log", "Show the engine's log", "monitor", _HIDDEN),
    Action("back", "escape", "Back", "Go back to the runs, or end the filter", "monitor"),
    Action(
        "next_kind", "d", "Kind", "False positives, false negatives, true positives", "predictions"
    ),
    Action(
        "lower",
        "left_square_bracket",
        "Threshold",
        "Accept from a lower probability on",
        "predictions",
    ),
    Action(
        "raise",
        "right_square_bracket",
        "Higher",
        "Accept from a higher probability on",
        "predictions",
        _HIDDEN,
    ),
    Action(
        "one_more",
        "left_curly_bracket",
        "One more",
        "Lower the threshold by one document",
        "predictions",
        _HIDDEN,
    ),
    Action(
        "one_less",
        "right_curly_bracket",
        "One less",
        "Raise the threshold by one document",
        "predictions",
        _HIDDEN,
    ),
    Action("best", "b", "Best", "Take the threshold with the best F1 here", "predictions", _HIDDEN),
    Action("type_threshold", "t", "Threshold", "Type a threshold", "predictions", _HIDDEN),
    Action(
        "save_threshold",
        "S",
        "Save",
        "Let the threshold shown hold for the category in this run",
        "predictions",
        steers=True,
    ),
    Action(
        "forget_threshold",
        "U",
        "Usual",
        "Let the category decide again as the run does",
        "predictions",
        _HIDDEN,
        steers=True,
    ),
    Action("next_split", "s", "Split", "Test or validation documents", "predictions"),
    Action(
        "search",
        "slash",
        "Search",
        "Show the documents that have some words",
        "predictions",
        is_first=True,
    ),
    Action("reverse", "o", "Order", "Least sure first, or surest first", "predictions", _HIDDEN),
    Action(
        "mark", "space", "Mark", "Mark a document whose labels look wrong", "predictions", _HIDDEN
    ),
    Action(
        "write_marked",
        "M",
        "Write marked",
        "Append the marked documents to a JSON lines file",
        "predictions",
        _HIDDEN,
    ),
    Action("curve", "v", "Curve", "Show the curve, or more of the text", "predictions", _HIDDEN),
    Action("save", "w", "Write", "Write the list to a CSV file", "predictions", _HIDDEN),
    Action("back", "escape", "Back", "End the search, or go back", "predictions"),
    Action("next_tab", "d", "Tables", "Show the next table", "compare"),
    Action(
        "save", "w", "Write", "Write this table (.csv) or the whole report to a file", "compare"
    ),
    Action("back", "escape", "Back", "Go back to the runs", "compare"),
    Action("next_log", "d", "Next log", "Show the log of the next process", "log"),
    Action("back", "escape", "Back", "Go back", "log"),
    Action("back", "escape", "Back", "Go back", "classify"),
    Action("clear_text", "ctrl+l", "Clear", "Empty the text", "classify"),
    Action("earlier_text", "f3,ctrl+up", "Earlier", "Take an earlier text again", "classify"),
    Action("later_text", "f4,ctrl+down", "Later", "Take a later text again", "classify"),
    Action("help", "question_mark,f1", "Help", "List all keys; f1 also while typing", "app"),
    Action("settings", "comma", "Settings", "Theme, columns and refresh rate", "app", _HIDDEN),
    Action("picture", "W,f12", "Picture", "Write the screen to an SVG file", "app", _HIDDEN),
    Action("quit", "q", "Quit", "Leave the app; runs go on (ctrl+q also while typing)", "app"),
)

STEERING = frozenset(action.name for action in ACTIONS if action.steers)
"""Names of the actions that change a run."""

_KEY_SIGNS = {
    "question_mark": "?",
    "slash": "/",
    "plus": "+",
    "minus": "-",
    "comma": ",",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "left_curly_bracket": "{",
    "right_curly_bracket": "}",
}


def bindings_for(scope: Scope) -> list[Binding]:
    """The key bindings of a scope; each has its action's id, so that a keymap can change it."""
    return [
        Binding(
            action.keys,
            action.name,
            action.label,
            show=action.in_footer,
            tooltip=action.description,
            id=action.id,
            priority=action.is_first,
        )
        for action in actions_in(scope)
    ]


def actions_in(scope: Scope) -> list[Action]:
    """The actions of a scope, in the order of the registry."""
    return [action for action in ACTIONS if action.scope == scope]


def keys_of(action: Action, keymap: Mapping[str, str]) -> str:
    """The action's keys, separated by commas: those of the keymap, or its own."""
    return keymap.get(action.id, action.keys)


def keys_in(scope: Scope, keymap: Mapping[str, str]) -> Iterator[tuple[str, Action]]:
    """Every key that means something in a scope, with its action; the app's do everywhere."""
    for action in ACTIONS:
        if action.scope in (scope, "app"):
            for key in keys_of(action, keymap).split(","):
                yield key, action


def key_sign(key: str) -> str:
    """A key as people write it: ? for question_mark."""
    return _KEY_SIGNS.get(key, key)
