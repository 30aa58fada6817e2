"""When a disk counts as nearly full."""

from __future__ import annotations

LEAST_FREE_BYTES = 1 << 30
LEAST_FREE_SHARE = 0.05


def is_nearly_full(free: int, total: int) -> bool:
    """Whether less is free than 1 GiB or 5 %; both in bytes."""
    return free < max(LEAST_FREE_BYTES, LEAST_FREE_SHARE * total)
