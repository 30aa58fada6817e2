"""The matrix-product kernel of a run: chosen by its first worker, used by all its workers."""

from __future__ import annotations

from core.models.matrix_product import fastest_kernel
from db.connection import Store
from db.runs import record_kernel, recorded_kernel


def run_kernel(store: Store, run_id: int) -> str:
    """The kernel of a run. The first call of a run selects and records it."""
    return recorded_kernel(store, run_id) or record_kernel(store, run_id, fastest_kernel())
