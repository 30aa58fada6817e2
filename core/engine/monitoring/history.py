"""The attempts at a category: what each started from, and what its model came to."""

from __future__ import annotations

from dataclasses import dataclass

from db.connection import Store
from db.status import attempt_records


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """An attempt and its kept model; the measures are None where there is none (yet).

    `changes` is a JSON object of the settings that differ from the run's. `current` says that its
    model is the one in use.
    """

    attempt: int
    origin: str
    changes: str
    created_at: float
    class_weight: float | None
    epoch: int | None
    validation_f1: float | None
    test_f1: float | None
    seconds: float
    current: bool


def history_of(store: Store, run_category_id: int) -> tuple[PastAttempt, ...]:
    """The attempts at a category, or at the model that it shares, the newest first."""
    return tuple(
        PastAttempt(*record[:-1], current=bool(record.current))
        for record in attempt_records(store, run_category_id)
    )
