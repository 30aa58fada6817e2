"""Random seeds derived from a run's seed and a key, independent of execution order."""

from __future__ import annotations

import hashlib

import torch


def seed_for(run_seed: int, *parts: str | float) -> int:
    """Derive a 63-bit seed from the run's seed and a key.

    `parts` are, for example, a category id, a class weight, an epoch and a purpose. A resumed
    training therefore draws the same random numbers as an uninterrupted one.
    """
    key = "\0".join([str(run_seed), *(f"{type(part).__name__}:{part}" for part in parts)])
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") >> 1


def generator_for(run_seed: int, *parts: str | float) -> torch.Generator:
    """Create a CPU generator seeded with `seed_for`."""
    return torch.Generator().manual_seed(seed_for(run_seed, *parts))
