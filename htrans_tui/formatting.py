"""Numbers, times and states as both front ends write them."""

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
"""One sign for each state, so that colour is never the only one."""


def duration(seconds: float | None) -> str:
    """Seconds as people say them: 48 s, 12 m 05 s, 1 h 12 m, 3 d 4 h."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    if whole < 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} m"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def rate(value: float | None) -> str:
    """A loss or a rate between 0 and 1, three digits."""
    return "" if value is None else f"{value:.3f}"


def weight(value: float | None) -> str:
    """A class weight without superfluous digits."""
    return "" if value is None else f"{value:g}"


def size(count: float) -> str:
    """Bytes as people say them: 512 MiB, 24 GiB."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB" if count < 10 else f"{count:,.0f} GiB"


def shortened(text: str, width: int) -> str:
    """The text in at most `width` cells, with an ellipsis where something is missing."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(width - 1, 0)) + "…"[: min(width, 1)]
