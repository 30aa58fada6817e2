"""How many made-up inputs a test tries: all with HTRANS_FAULTS=full, else some."""

from __future__ import annotations

from tests.faults.mode import FULL


def examples(most: int) -> int:
    """A quarter of `most`, all of them in full."""
    return most if FULL else max(most // 4, 3)
