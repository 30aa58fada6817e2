"""What a person has set for the app: theme, refresh rate, columns, keys. One TOML file per user.

Without a file, and for whatever it leaves out, the defaults hold.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from platformdirs import user_config_path

from core.errors import HTransError
from core.files import write_bytes
from htrans_tui.app.actions import ACTIONS, key_sign, keys_in, keys_of

FILE_VARIABLE = "HTRANS_SETTINGS"
"""Environment variable that names another settings file."""
THEME = "textual-dark"
REFRESH = 0.33
"""Seconds between two looks at the database."""
REFRESH_RANGE = (0.1, 10.0)
COLUMN_NAMES = {
    "positives": "training documents of the category",
    "epoch": "epoch at work, or the best one",
    "loss": "training loss",
    "validation": "validation loss",
    "trend": "training loss by epoch, as a sparkline",
    "weight": "class weight chosen, or how many are done",
    "f1": "F1 on the validation documents",
    "test": "F1 on the test documents",
    "work": "worker time of the attempt",
}
"""Columns of the taxonomy by name, in the order in which they stand, and what each shows."""
COLUMNS = ("positives", "loss", "trend", "weight", "f1", "test")
_KEYS = ("theme", "refresh", "columns", "keys")


@dataclass(frozen=True, slots=True)
class Preferences:
    """Settings of the app. `refresh` is in seconds; `keys` maps `scope.action` to keys."""

    theme: str = THEME
    refresh: float = REFRESH
    columns: tuple[str, ...] = COLUMNS
    keys: Mapping[str, str] = field(default_factory=dict)
    path: Path = field(default_factory=lambda: preferences_path())


def preferences_path() -> Path:
    """Where the settings file lies: `HTRANS_SETTINGS`, or the user's configuration folder."""
    named = os.environ.get(FILE_VARIABLE)
    return Path(named) if named else user_config_path("htrans-tui") / "settings.toml"


def read_preferences(path: Path | None = None) -> Preferences:
    """Read the settings file, the defaults if there is none.

    Raises `HTransError` that names the file and the setting for what means nothing.
    """
    place = preferences_path() if path is None else path
    try:
        content = tomllib.loads(place.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Preferences(path=place)
    except tomllib.TOMLDecodeError as error:
        raise HTransError(f"{place}: {error}; mend the file or remove it") from error
    except (OSError, UnicodeDecodeError) as error:
        raise HTransError(f"{place}: cannot be read: {error}") from error
    for name in content:
        if name not in _KEYS:
            raise HTransError(f"{place}: there is no setting {name!r}; use {', '.join(_KEYS)}")
    return Preferences(
        theme=_theme(content.get("theme", THEME), place),
        refresh=_refresh(content.get("refresh", REFRESH), place),
        columns=_columns(content.get("columns", list(COLUMNS)), place),
        keys=_keymap(content.get("keys", {}), place),
        path=place,
    )


def save_preferences(preferences: Preferences) -> None:
    """Write theme, refresh rate and columns to the file; comments and keys in it stay."""
    import tomlkit

    try:
        text = preferences.path.read_text(encoding="utf-8") if preferences.path.exists() else ""
        document = tomlkit.parse(text)
        document["theme"] = preferences.theme
        document["refresh"] = preferences.refresh
        document["columns"] = list(preferences.columns)
        write_bytes(preferences.path, tomlkit.dumps(document).encode())
    except OSError as error:
        raise HTransError(f"{preferences.path}: cannot be written: {error.strerror}") from error


def refresh_of(typed: str) -> float:
    """The refresh rate that somebody typed; raise `HTransError` if it is none."""
    try:
        return _checked_refresh(float(typed))
    except ValueError as error:
        raise HTransError(f"refresh is {typed!r}; give seconds such as 0.5") from error


def as_toml(preferences: Preferences) -> str:
    """All settings as the file has them, with the keys of every action."""
    import tomlkit

    document = tomlkit.document()
    document["theme"] = preferences.theme
    document["refresh"] = preferences.refresh
    document["columns"] = list(preferences.columns)
    keys = tomlkit.table()
    for action in ACTIONS:
        several = [key_sign(key) for key in keys_of(action, preferences.keys).split(",")]
        keys.add(action.id, several[0] if len(several) == 1 else several)
        keys[action.id].comment(action.description)
    document["keys"] = keys
    return tomlkit.dumps(document)


def _theme(value: Any, place: Path) -> str:
    if not isinstance(value, str):
        raise HTransError(f"{place}: theme is {value!r}; give the name of a theme in quotes")
    return value


def _refresh(value: Any, place: Path) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise HTransError(f"{place}: refresh is {value!r}; give seconds such as 0.5")
    try:
        return _checked_refresh(float(value))
    except HTransError as error:
        raise HTransError(f"{place}: {error}") from error


def _checked_refresh(seconds: float) -> float:
    low, high = REFRESH_RANGE
    if not low <= seconds <= high:
        raise HTransError(f"refresh is {seconds:g}; give seconds from {low:g} to {high:g}")
    return seconds


def _columns(value: Any, place: Path) -> tuple[str, ...]:
    known = ", ".join(COLUMN_NAMES)
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise HTransError(f"{place}: columns is {value!r}; give a list of names out of {known}")
    for name in value:
        if name not in COLUMN_NAMES:
            raise HTransError(f"{place}: there is no column {name!r}; use some of {known}")
    return tuple(name for name in COLUMN_NAMES if name in value)


def _keymap(value: Any, place: Path) -> dict[str, str]:
    """Keys by binding id; refuses unknown actions and keys that would mean two things."""
    if not isinstance(value, dict):
        raise HTransError(f"{place}: keys is {value!r}; make it a table, [keys]")
    known = {action.id: action for action in ACTIONS}
    keymap: dict[str, str] = {}
    for name, keys in _flat(value).items():
        if name not in known:
            scope = name.partition(".")[0]
            there = [id for id in known if id.startswith(f"{scope}.")] or list(known)[:6]
            raise HTransError(f"{place}: there is no action {name!r}; there are {', '.join(there)}")
        several = [keys] if isinstance(keys, str) else keys
        if (
            not isinstance(several, list)
            or not several
            or not all(isinstance(key, str) and key for key in several)
        ):
            raise HTransError(f"{place}: keys.{name} is {keys!r}; give a key such as 'r' or a list")
        keymap[name] = ",".join(key_name(key) for key in several)
    for scope in {action.scope for action in ACTIONS}:
        taken: dict[str, str] = {}
        for key, action in keys_in(scope, keymap):
            if taken.setdefault(key, action.id) != action.id:
                raise HTransError(
                    f"{place}: the key {key!r} would mean both {taken[key]} and {action.id}; "
                    "give one of them another"
                )
    return keymap


def _flat(table: Mapping[str, Any]) -> dict[str, Any]:
    """`[keys.monitor] retrain = "t"` and `[keys] "monitor.retrain" = "t"` are the same."""
    flat: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": keys for inner, keys in value.items()}
        else:
            flat[name] = value
    return flat


def key_name(key: str) -> str:
    """The name of a key as Textual has it: `?` is question_mark, ` ` is space."""
    from textual.keys import _character_to_key

    return _character_to_key(key) if len(key) == 1 else key
