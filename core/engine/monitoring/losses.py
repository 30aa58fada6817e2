"""Training losses of the categories of a run by epoch, and of one trial by batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from db.connection import Store
from db.status import epoch_losses, epoch_losses_among
from db.trials import batch_losses


def losses_of(store: Store, run_id: int) -> dict[int, tuple[float, ...]]:
    """Training losses by epoch, by category row id.

    They belong to the selected trial, or to the trial with the most epochs while none is selected.
    """
    return _by_category(epoch_losses(store, run_id))


def losses_among(store: Store, ids: Iterable[int]) -> dict[int, tuple[float, ...]]:
    """Training losses of the categories with these row ids, as `losses_of` returns them."""
    return _by_category(epoch_losses_among(store, ids))


def running_losses(
    store: Store, trial_id: int, after: int
) -> Iterator[tuple[int, tuple[float, float]]]:
    """Running losses of a trial after the row `after`, as (row id, (epochs so far, loss))."""
    return ((row, (epochs, loss)) for row, epochs, loss in batch_losses(store, trial_id, after))


def _by_category(losses: Iterable[tuple[int, float]]) -> dict[int, tuple[float, ...]]:
    by_category: dict[int, list[float]] = {}
    for id_, loss in losses:
        by_category.setdefault(id_, []).append(loss)
    return {id_: tuple(category_losses) for id_, category_losses in by_category.items()}
