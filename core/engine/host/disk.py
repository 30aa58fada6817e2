"""When a disk counts as nearly full, and which errors say that it is."""

from __future__ import annotations

import errno

LEAST_FREE_BYTES = 1 << 30
LEAST_FREE_SHARE = 0.05


def is_nearly_full(free: int, total: int) -> bool:
    """Whether less is free than 1 GiB or 5 %; both in bytes."""
    return free < max(LEAST_FREE_BYTES, LEAST_FREE_SHARE * total)


def is_full(error: BaseException) -> bool:
    """Whether an error says that there is no room on a disk, or none that this user may take."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
