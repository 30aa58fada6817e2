"""Theme colours as Rich styles, and background colours for attention."""

from __future__ import annotations

from textual.app import App
from textual.color import Color, ColorParseError

_BLENDS = (0.2, 0.4, 0.65)


def theme_colour(app: App[object], name: str) -> str:
    """Return a colour of the theme by name, or "default" if the theme does not define it."""
    colour = app.theme_variables.get(name, "")
    return colour if colour.startswith("#") else "default"


def attention_colours(app: App[object]) -> tuple[str, str, str]:
    """Return three background colours of increasing strength; empty if the theme lacks colours."""
    variables = app.theme_variables
    try:
        background = Color.parse(variables["background"])
        accent = Color.parse(variables["warning"])
    except (KeyError, ColorParseError):
        return "", "", ""
    low, middle, high = (background.blend(accent, share).hex6 for share in _BLENDS)
    return low, middle, high
