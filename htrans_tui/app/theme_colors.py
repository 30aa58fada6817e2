"""Colours of the theme, as Rich writes them, and shades of them for words with attention."""

from __future__ import annotations

from textual.app import App
from textual.color import Color, ColorParseError

_BLENDS = (0.2, 0.4, 0.65)


def theme_colour(app: App[object], name: str) -> str:
    """A colour of the theme by its name, "default" where the theme has none."""
    colour = app.theme_variables.get(name, "")
    return colour if colour.startswith("#") else "default"


def shades(app: App[object]) -> tuple[str, str, str]:
    """Three backgrounds, as Rich writes colours; empty where the theme has none to blend."""
    variables = app.theme_variables
    try:
        background = Color.parse(variables["background"])
        accent = Color.parse(variables["warning"])
    except (KeyError, ColorParseError):
        return "", "", ""
    low, middle, high = (background.blend(accent, share).hex6 for share in _BLENDS)
    return low, middle, high
