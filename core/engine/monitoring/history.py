"""The history of a run: attempts at a category, trials with their epochs, events."""

from __future__ import annotations

from dataclasses import dataclass

from db.connection import Store
from db.events import Event, events_of
from db.run_categories import run_category
from db.status import attempt_records
from db.trials import Epoch, Trial, epochs_of, trials_of

__all__ = [
    "Epoch",
    "Event",
    "PastAttempt",
    "Trial",
    "TrialHistory",
    "history_of",
    "run_events",
    "trial_histories",
]


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """An attempt and its selected model; without a model the metrics are None.

    `changes` is a JSON object of the settings that differ from the run's. `current` marks the
    active model.
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
    """The attempts at a category or at its shared model, newest first."""
    return tuple(
        PastAttempt(*record[:-1], current=bool(record.current))
        for record in attempt_records(store, run_category_id)
    )


@dataclass(frozen=True, slots=True)
class TrialHistory:
    """A trial with its epochs in order."""

    trial: Trial
    epochs: tuple[Epoch, ...]


def trial_histories(store: Store, run_category_id: int, attempt: int) -> tuple[TrialHistory, ...]:
    """Return the trials of one attempt at a category, by class weight.

    A category that shares a model has the trials of the model's owner category.
    """
    owner = run_category(store, run_category_id).owner_id
    return tuple(
        TrialHistory(trial, tuple(epochs_of(store, trial.id)))
        for trial in trials_of(store, owner, attempt)
    )


def run_events(store: Store, run_id: int) -> tuple[Event, ...]:
    """Return the events of a run, newest first."""
    return tuple(events_of(store, run_id))
