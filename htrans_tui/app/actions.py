"""Registry of actions, the source of footer, help, command palette and key bindings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from textual.binding import Binding

Scope = Literal["app", "runs", "monitor", "predictions", "compare", "log", "classify"]
"""Where an action applies: on every screen (`app`) or on one screen."""


@dataclass(frozen=True, slots=True)
class Action:
    """An action of the app or of one screen.

    Attributes:
        name: Name of the method: `action_<name>` of the app or screen.
        keys: Default keys, separated by commas. The footer shows the first one.
        label: Text in the footer and the command palette.
        description: Sentence in the help and the command palette.
        scope: Where the action applies.
        in_footer: Show the action in the footer.
        steers: The action changes a run; a read-only app disables it.
        priority: Its keys take precedence over those of the focused widget.
    """

    name: str
    keys: str
    label: str
    description: str
    scope: Scope
    in_footer: bool = True
    steers: bool = False
    priority: bool = False

    @property
    def id(self) -> str:
        """Name of the action in the settings file."""
        return f"{self.scope}.{self.name}"


_HIDDEN = False

ACTIONS: tuple[Action, ...] = (
    Action("open_run", "enter", "Open", "Open the run under the cursor", "runs"),
    Action("toggle_pause", "p", "Pause", "Pause or resume the run", "runs", steers=True),
    Action("new_run", "n", "New", "Start a new run", "runs", steers=True),
    Action("mark", "space", "Mark", "Mark the run for a comparison", "runs"),
    Action("compare", "v", "Compare", "Compare the marked runs; the first is the baseline", "runs"),
    Action(
        "delete",
        "D",
        "Delete",
        "Delete the run and its models, after confirmation",
        "runs",
        _HIDDEN,
        steers=True,
    ),
    Action("classify", "c", "Classify", "Classify typed text with the run's models", "runs"),
    Action("save", "w", "Write", "Write the table to a CSV file", "runs", _HIDDEN),
    Action("log", "l", "Log", "Show the engine's log", "runs", _HIDDEN),
    Action("toggle_pause", "p", "Pause", "Pause or resume the run", "monitor", steers=True),
    Action(
        "pause_part",
        "P",
        "Pause category",
        "Pause or resume a category or subtree",
        "monitor",
        _HIDDEN,
        steers=True,
    ),
    Action(
        "retrain",
        "r",
        "Retrain",
        "Retrain a category or subtree",
        "monitor",
        steers=True,
    ),
    Action(
        "restore",
        "b",
        "Restore",
        "Restore the model of the selected attempt in the history",
        "monitor",
        _HIDDEN,
        steers=True,
    ),
    Action(
        "cancel",
        "x",
        "Cancel",
        "Cancel a category, a subtree or the run",
        "monitor",
        _HIDDEN,
        steers=True,
    ),
    Action(
        "filter",
        "slash",
        "Filter",
        "Filter the categories by id or name",
        "monitor",
        priority=True,
    ),
    Action(
        "next_state",
        "f",
        "State",
        "Show the categories of one state; cycles all states",
        "monitor",
        _HIDDEN,
    ),
    Action(
        "next_sort",
        "s",
        "Sort",
        "Cycle tree and lists: worst F1, largest loss, fewest positives, slowest",
        "monitor",
        _HIDDEN,
    ),
    Action(
        "inspect",
        "i",
        "Inspect",
        "Open the predictions of the category",
        "monitor",
    ),
    Action("next_alert", "a", "Alert", "Go to the next category with an alert", "monitor", _HIDDEN),
    Action("next_tab", "d", "Details", "Cycle the detail tabs", "monitor"),
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
        "Metric",
        "Show the curves of all metrics or of one; cycles",
        "monitor",
        _HIDDEN,
    ),
    Action(
        "read_right",
        "right_square_bracket",
        "Next epoch",
        "Read the curves at the next epoch",
        "monitor",
        _HIDDEN,
    ),
    Action(
        "read_left",
        "left_square_bracket",
        "Previous epoch",
        "Read the curves at the previous epoch",
        "monitor",
        _HIDDEN,
    ),
    Action("log_scale", "y", "Log scale", "Toggle the log scale of losses", "monitor", _HIDDEN),
    Action("smoother", "plus", "Smoother", "Smooth the training loss more", "monitor", _HIDDEN),
    Action("rougher", "minus", "Rougher", "Smooth the training loss less", "monitor", _HIDDEN),
    Action(
        "classify",
        "c",
        "Classify",
        "Classify typed text with the run's models",
        "monitor",
        _HIDDEN,
    ),
    Action("save", "w", "Write", "Write the focused table to a CSV file", "monitor", _HIDDEN),
    Action("log", "l", "Log", "Show the engine's log", "monitor", _HIDDEN),
    Action("back", "escape", "Back", "Clear the filter, or go back to the runs", "monitor"),
    Action(
        "next_kind",
        "d",
        "Kind",
        "Cycle false positives, false negatives, true positives",
        "predictions",
    ),
    Action(
        "lower",
        "left_square_bracket",
        "Threshold",
        "Lower the threshold by 0.01",
        "predictions",
    ),
    Action(
        "raise",
        "right_square_bracket",
        "Higher",
        "Raise the threshold by 0.01",
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
    Action("best", "b", "Best", "Use the threshold with the best F1", "predictions", _HIDDEN),
    Action("type_threshold", "t", "Threshold", "Type a threshold", "predictions", _HIDDEN),
    Action(
        "save_threshold",
        "S",
        "Save",
        "Save the threshold for the category of this run",
        "predictions",
        steers=True,
    ),
    Action(
        "forget_threshold",
        "U",
        "Reset",
        "Remove the saved threshold",
        "predictions",
        _HIDDEN,
        steers=True,
    ),
    Action("next_split", "s", "Split", "Switch between test and validation", "predictions"),
    Action(
        "search",
        "slash",
        "Search",
        "Search the documents for words",
        "predictions",
        priority=True,
    ),
    Action("reverse", "o", "Order", "Reverse the order of confidence", "predictions", _HIDDEN),
    Action("mark", "space", "Mark", "Mark a document with wrong labels", "predictions", _HIDDEN),
    Action(
        "write_marked",
        "M",
        "Write marked",
        "Append the marked documents to a JSON lines file",
        "predictions",
        _HIDDEN,
    ),
    Action("curve", "v", "Curve", "Show or hide the curve", "predictions", _HIDDEN),
    Action("save", "w", "Write", "Write the list to a CSV file", "predictions", _HIDDEN),
    Action("back", "escape", "Back", "Clear the search, or go back", "predictions"),
    Action("next_tab", "d", "Tables", "Show the next table", "compare"),
    Action("save", "w", "Write", "Write this table (.csv) or the full report to a file", "compare"),
    Action("back", "escape", "Back", "Go back to the runs", "compare"),
    Action("next_log", "d", "Next log", "Show the log of the next process", "log"),
    Action("back", "escape", "Back", "Go back", "log"),
    Action("back", "escape", "Back", "Go back", "classify"),
    Action("clear_text", "ctrl+l", "Clear", "Clear the text", "classify"),
    Action("earlier_text", "f3,ctrl+up", "Earlier", "Recall the previous text", "classify"),
    Action("later_text", "f4,ctrl+down", "Later", "Recall the next text", "classify"),
    Action("help", "question_mark,f1", "Help", "List all keys (f1 also while typing)", "app"),
    Action("settings", "comma", "Settings", "Theme, columns and refresh rate", "app", _HIDDEN),
    Action("picture", "W,f12", "Screenshot", "Write the screen to an SVG file", "app", _HIDDEN),
    Action("quit", "q", "Quit", "Quit the app; runs continue (ctrl+q also while typing)", "app"),
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
    """Return the key bindings of a scope. Each has the action's id, for use in a keymap."""
    return [
        Binding(
            action.keys,
            action.name,
            action.label,
            show=action.in_footer,
            tooltip=action.description,
            id=action.id,
            priority=action.priority,
        )
        for action in actions_in(scope)
    ]


def actions_in(scope: Scope) -> list[Action]:
    """Return the actions of a scope, in the order of the registry."""
    return [action for action in ACTIONS if action.scope == scope]


def keys_of(action: Action, keymap: Mapping[str, str]) -> str:
    """Return the keys of an action, separated by commas: from the keymap, or its defaults."""
    return keymap.get(action.id, action.keys)


def keys_in(scope: Scope, keymap: Mapping[str, str]) -> Iterator[tuple[str, Action]]:
    """Yield every key that is bound in a scope, including the app's keys, with its action."""
    for action in ACTIONS:
        if action.scope in (scope, "app"):
            for key in keys_of(action, keymap).split(","):
                yield key, action


def key_sign(key: str) -> str:
    """Return the printed form of a key, such as ? for question_mark."""
    return _KEY_SIGNS.get(key, key)
