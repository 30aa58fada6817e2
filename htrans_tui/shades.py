"""Backgrounds for words of more and more attention, from the colours of the theme."""

from __future__ import annotations

from textual.app import App
from textual.color import Color, ColorParseError

_BLENDS = (0.2, 0.4, 0.65)


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
