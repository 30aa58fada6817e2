"""Checks for a full or nearly full disk."""

from __future__ import annotations

import errno

MIN_FREE_BYTES = 1 << 30
MIN_FREE_SHARE = 0.05


def is_nearly_full(free: int, total: int) -> bool:
    """Whether less than 1 GiB or 5 % of a disk is free. Arguments are in bytes."""
    return free < max(MIN_FREE_BYTES, MIN_FREE_SHARE * total)


def is_full(error: BaseException) -> bool:
    """Whether an error means that the disk is full or the user's quota is exceeded."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
