"""How long a run will take: said before it starts, and while it goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.planning.costs import CorpusSize
from core.planning.schedules import CategoryWork, simulate
from core.settings import TrainingSettings
from core.systems import System
from core.text.token_arrays import TokenArrays
from db.connection import Store
from db.trials import epoch_totals


def corpus_size(tokens: TokenArrays, rows: list[int], max_words: int) -> CorpusSize:
    """Measure the documents `rows`."""
    places = np.asarray(rows, dtype=np.int64)
    lengths = tokens.lengths(places, max_words)
    seen = np.zeros(int(tokens.tokens.max(initial=0)) + 1, dtype=np.bool_)
    for row in places:
        start = tokens.offsets[row]
        seen[tokens.tokens[start : min(tokens.offsets[row + 1], start + max_words)]] = True
    return CorpusSize(len(rows), float(lengths.mean()) if len(rows) else 0.0, int(seen.sum()))


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds that a run takes if every trial stops as early as it may, and if none does.

    `measured` says that epochs in this workspace were the measure, not the reference machine.
    """

    least: float
    most: float
    measured: bool


@dataclass(frozen=True, slots=True)
class CategoryCost:
    """A category that has trials: `epoch` are seconds of one on the reference machine.

    `waits_for` is the key of the parent whose model it starts from, None if it starts at once.
    """

    key: str
    waits_for: str | None
    epoch: float


def estimate(
    store: Store,
    costs: Sequence[CategoryCost],
    settings: TrainingSettings,
    workers: int,
    system: System,
) -> Estimate:
    """Estimate a run of these categories, parents before their children, by simulation.

    Other runs that the workers train at the same time are not counted.
    """
    measured = _pace(store)
    pace = measured or 1.0
    places = {cost.key: place for place, cost in enumerate(costs)}

    def seconds(epochs: int) -> float:
        searched = system.search_rounds(settings, epochs)
        forest = [
            CategoryWork(
                None if cost.waits_for is None else places[cost.waits_for],
                tuple((cost.epoch * pace * each,) * trials for trials, each in searched),
            )
            for cost in costs
        ]
        return simulate(forest, workers).makespan

    shortest = min(settings.patience + 1, settings.epochs)
    return Estimate(seconds(shortest), seconds(settings.epochs), measured is not None)


def _pace(store: Store) -> float | None:
    """Seconds in this workspace for a second on the reference machine; None without an epoch."""
    totals = epoch_totals(store)
    if totals is None or not totals[1]:
        return None
    return totals[0] / totals[1]
