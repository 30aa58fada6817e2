"""Types of the callbacks through which long work reports its progress."""

from __future__ import annotations

from collections.abc import Callable

Count = Callable[[int], None]
"""Called with the number of finished items; the total is unknown."""

Progress = Callable[[int, int], None]
"""Called with the number of finished items and their total."""
