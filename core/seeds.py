"""Seeds that depend on what is drawn, not on when: the same draw gives the same bits."""

from __future__ import annotations

import hashlib

import torch


def seed_for(run_seed: int, *parts: str | float) -> int:
    """A seed of 63 bits from the run's seed and what it is for.

    `parts` are, for example, a category id, a class weight, an epoch and a purpose. Every restart
    of a training draws the same numbers as one that was never interrupted.
    """
    key = "\0".join([str(run_seed), *(f"{type(part).__name__}:{part}" for part in parts)])
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") >> 1


def generator_for(run_seed: int, *parts: str | float) -> torch.Generator:
    """A CPU generator seeded with `seed_for`."""
    return torch.Generator().manual_seed(seed_for(run_seed, *parts))
