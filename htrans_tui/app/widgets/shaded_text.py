"""A text with its words shaded by the attention of a model; shown as text, whatever is in it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text

from core.text.plain_text import printable

MAX_CHARACTERS = 20_000
"""So much of a text is shown; laying out a megabyte would stop the app for seconds."""
LEVELS = (0.1, 0.3, 0.6)
"""Shares of the highest weight from which on a word gets the next stronger shade."""
_ATTRIBUTES = ("", "bold", "bold underline")
"""Colour is never the only sign."""


def shaded(
    text: str,
    spans: Sequence[tuple[int, int]],
    weights: Sequence[float],
    colours: Sequence[str],
) -> Text:
    """`text` with the words at `spans` (start, end) shaded by `weights`, what follows them dimmed.

    `colours` are backgrounds for the three `LEVELS`, empty strings for none.
    """
    shown = text[:MAX_CHARACTERS]
    out = Text(overflow="fold")
    highest = max(weights, default=0.0)
    end = 0
    for (start, stop), weight in zip(spans, weights, strict=True):
        if stop > len(shown):
            break
        out.append(_readable(shown[end:start]))
        out.append(_readable(shown[start:stop]), _style(weight, highest, colours))
        end = stop
    rest = _readable(shown[end:])
    if spans and rest.strip():
        out.append(rest, "dim")
    else:
        out.append(rest)
    if len(text) > len(shown):
        out.append(f"\n… and {len(text) - len(shown):,} more characters", "dim italic")
    return out


def _style(weight: float, highest: float, colours: Sequence[str]) -> Style:
    level = sum(weight >= share * highest for share in LEVELS) if highest else 0
    if not level:
        return Style.null()
    colour = colours[level - 1]
    attributes = _ATTRIBUTES[level - 1]
    return Style.parse(f"{attributes} on {colour}" if colour else attributes or "none")


def _readable(text: str) -> str:
    """Control characters made visible, lines kept."""
    return "\n".join(printable(line) for line in text.split("\n"))
