"""Text with words shaded by attention. Markup and control characters are shown literally."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text

from core.text.plain_text import printable

MAX_CHARACTERS = 20_000
"""Maximum number of characters shown; the layout of a megabyte would block for seconds."""
LEVELS = (0.1, 0.3, 0.6)
"""Minimum shares of the highest weight for the three shades."""
_ATTRIBUTES = ("", "bold", "bold underline")
"""Text attributes of the three shades, so that they differ without colour."""


def shaded(
    text: str,
    spans: Sequence[tuple[int, int]],
    weights: Sequence[float],
    colours: Sequence[str],
) -> Text:
    """Shade the words of a text by attention and dim the text after the last word.

    Args:
        text: The text.
        spans: Character spans (start, end) of the words.
        weights: Attention on each word.
        colours: Background colours of the three `LEVELS`; empty strings for none.
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
    """Make control characters visible, except for line breaks."""
    return "\n".join(printable(line) for line in text.split("\n"))
