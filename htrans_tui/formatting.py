"""Formatting of numbers, durations and states, shared by the command line and the app."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size

STATE_SIGNS = {
    "waiting": "·",
    "ready": "○",
    "running": "◐",
    "paused": "‖",
    "resting": "◌",
    "done": "●",
    "dropped": "▽",
    "failed": "✗",
    "cancelled": "⊘",
    "empty": "∅",
    "silent": "?",
}
"""One sign per state, so that states can be told apart without colour."""


def duration(seconds: float | None) -> str:
    """Format a duration in seconds: 48 s, 12 m 05 s, 1 h 12 m, 3 d 4 h."""
    if seconds is None:
        return "–"
    total = round(seconds)
    if total < 60:
        return f"{total} s"
    if total < 3600:
        return f"{total // 60} m {total % 60:02d} s"
    if total < 86_400:
        return f"{total // 3600} h {total % 3600 // 60:02d} m"
    return f"{total // 86_400} d {total % 86_400 // 3600} h"


def rate(value: float | None) -> str:
    """Format a loss or a rate with three decimals; an empty string for None."""
    return "" if value is None else f"{value:.3f}"


def weight(value: float | None) -> str:
    """Format a class weight without trailing zeros; an empty string for None."""
    return "" if value is None else f"{value:g}"


def size(count: float) -> str:
    """Format a number of bytes: 512 MiB, 24 GiB."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB" if count < 10 else f"{count:,.0f} GiB"


def shortened(text: str, width: int) -> str:
    """Truncate a text to `width` terminal cells, with an ellipsis if it was cut."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(width - 1, 0)) + "…"[: min(width, 1)]
