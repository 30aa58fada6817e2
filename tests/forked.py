"""Real processes that start in milliseconds: forked from a server that has loaded torch once."""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.context import ForkServerContext


def forking() -> ForkServerContext:
    """The context to start processes with; each of them has one thread."""
    os.environ["OMP_NUM_THREADS"] = "1"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", "torch", "safetensors.torch", "sqlite_utils"])
    return context
