"""Preferences of the app: theme, refresh rate, columns and keys, in one TOML file per user.

Defaults apply to settings that the file does not contain.
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
"""Environment variable with the path of the settings file."""
THEME = "textual-dark"
REFRESH = 0.33
"""Seconds between two reads of the database."""
REFRESH_RANGE = (0.1, 10.0)
COLUMN_NAMES = {
    "positives": "positives among the training documents",
    "epoch": "current epoch, or the best one",
    "loss": "training loss",
    "validation": "validation loss",
    "trend": "training loss by epoch, as a sparkline",
    "weight": "selected class weight, or number of finished ones",
    "f1": "F1 on the validation documents",
    "test": "F1 on the test documents",
    "work": "worker time of the attempt",
}
"""Columns of the taxonomy in their order, with a description each."""
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
    """Return the path of the settings file: `HTRANS_SETTINGS`, else in the user's configuration."""
    named = os.environ.get(FILE_VARIABLE)
    return Path(named) if named else user_config_path("htrans-tui") / "settings.toml"


def read_preferences(path: Path | None = None) -> Preferences:
    """Read the settings file. Returns the defaults if there is none.

    Args:
        path: The settings file, by default `preferences_path()`.

    Raises:
        HTransError: If the file cannot be read, or if a setting is unknown or invalid.
    """
    path = preferences_path() if path is None else path
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Preferences(path=path)
    except tomllib.TOMLDecodeError as error:
        raise HTransError(f"{path}: {error}; correct the file or remove it") from error
    except (OSError, UnicodeDecodeError) as error:
        raise HTransError(f"{path}: cannot be read: {error}") from error
    for name in content:
        if name not in _KEYS:
            raise HTransError(f"{path}: unknown setting {name!r}; use {', '.join(_KEYS)}")
    return Preferences(
        theme=_theme(content.get("theme", THEME), path),
        refresh=_refresh(content.get("refresh", REFRESH), path),
        columns=_columns(content.get("columns", list(COLUMNS)), path),
        keys=_keymap(content.get("keys", {}), path),
        path=path,
    )


def save_preferences(preferences: Preferences) -> None:
    """Write theme, refresh rate and columns to the file. Keeps its comments and keys."""
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


def refresh_of(text: str) -> float:
    """Parse a refresh rate in seconds. Raises `HTransError` if it is invalid."""
    try:
        return _checked_refresh(float(text))
    except ValueError as error:
        raise HTransError(f"refresh is {text!r}; expected seconds such as 0.5") from error


def as_toml(preferences: Preferences) -> str:
    """Format all settings in the format of the settings file, with the keys of every action."""
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


def _theme(value: Any, path: Path) -> str:
    if not isinstance(value, str):
        raise HTransError(f"{path}: theme is {value!r}; expected the name of a theme in quotes")
    return value


def _refresh(value: Any, path: Path) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise HTransError(f"{path}: refresh is {value!r}; expected seconds such as 0.5")
    try:
        return _checked_refresh(float(value))
    except HTransError as error:
        raise HTransError(f"{path}: {error}") from error


def _checked_refresh(seconds: float) -> float:
    low, high = REFRESH_RANGE
    if not low <= seconds <= high:
        raise HTransError(f"refresh is {seconds:g}; expected seconds from {low:g} to {high:g}")
    return seconds


def _columns(value: Any, path: Path) -> tuple[str, ...]:
    known = ", ".join(COLUMN_NAMES)
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise HTransError(f"{path}: columns is {value!r}; expected a list of names from {known}")
    for name in value:
        if name not in COLUMN_NAMES:
            raise HTransError(f"{path}: unknown column {name!r}; use {known}")
    return tuple(name for name in COLUMN_NAMES if name in value)


def _keymap(value: Any, path: Path) -> dict[str, str]:
    """Read the keys by action id. Rejects unknown actions and keys with two meanings."""
    if not isinstance(value, dict):
        raise HTransError(f"{path}: keys is {value!r}; expected a table [keys]")
    known = {action.id: action for action in ACTIONS}
    keymap: dict[str, str] = {}
    for name, keys in _flat(value).items():
        if name not in known:
            scope = name.partition(".")[0]
            similar = [id for id in known if id.startswith(f"{scope}.")] or list(known)[:6]
            raise HTransError(f"{path}: unknown action {name!r}; use {', '.join(similar)}")
        several = [keys] if isinstance(keys, str) else keys
        if (
            not isinstance(several, list)
            or not several
            or not all(isinstance(key, str) and key for key in several)
        ):
            raise HTransError(
                f"{path}: keys.{name} is {keys!r}; expected a key such as 'r' or a list"
            )
        keymap[name] = ",".join(key_name(key) for key in several)
    for scope in {action.scope for action in ACTIONS}:
        taken: dict[str, str] = {}
        for key, action in keys_in(scope, keymap):
            if taken.setdefault(key, action.id) != action.id:
                raise HTransError(
                    f"{path}: key {key!r} is bound to both {taken[key]} and {action.id}; "
                    "choose another key for one of them"
                )
    return keymap


def _flat(table: Mapping[str, Any]) -> dict[str, Any]:
    """Flatten nested tables: `[keys.monitor] retrain` is the same as `"monitor.retrain"`."""
    flat: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{inner}": keys for inner, keys in value.items()}
        else:
            flat[name] = value
    return flat


def key_name(key: str) -> str:
    """Return Textual's name of a key: question_mark for `?`, space for ` `."""
    from textual.keys import _character_to_key

    return _character_to_key(key) if len(key) == 1 else key
