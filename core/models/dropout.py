"""Dropout masks on the CPU, drawn in a fraction of the time that torch's generator takes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_STEPS = 1 << 16


def keep_factors(rows: int, width: int, dropout: float, seed: int) -> Tensor:
    """What dropout multiplies by, (rows, width): 0 with probability `dropout`, else 1 / (1 - it).

    The probability is rounded to a multiple of 1 / 65,536, and the factor fits what was rounded to,
    so the mean is exactly 1. The same seed gives the same factors.
    """
    dropped = min(round(dropout * _STEPS), _STEPS - 1)
    count = rows * width
    draws = np.random.SFC64(seed).random_raw(-(-count // 4)).view(np.int16)[:count]
    factors = torch.empty(rows, width)
    # As signed numbers the draws begin at -32,768.
    torch.ge(torch.from_numpy(draws).view(rows, width), dropped - _STEPS // 2, out=factors)
    return factors.mul_(_STEPS / (_STEPS - dropped))
