"""Dropout masks on the CPU, drawn faster than by torch's generator."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_LEVELS = 1 << 16


def keep_factors(rows: int, width: int, dropout: float, seed: int) -> Tensor:
    """Scaled dropout mask (rows, width): 0 with probability p = `dropout`, else 1 / (1 - p).

    p is rounded to a multiple of 1 / 65,536. The factor uses the rounded p, so that the expected
    value is exactly 1. The mask is deterministic for a seed.
    """
    dropped = min(round(dropout * _LEVELS), _LEVELS - 1)
    count = rows * width
    draws = np.random.SFC64(seed).random_raw(-(-count // 4)).view(np.int16)[:count]
    factors = torch.empty(rows, width)
    # The draws are signed: their minimum is -32,768.
    torch.ge(torch.from_numpy(draws).view(rows, width), dropped - _LEVELS // 2, out=factors)
    return factors.mul_(_LEVELS / (_LEVELS - dropped))
