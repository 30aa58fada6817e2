"""Remaining time of a run: the simulated schedule of its unfinished trials.

The same functions give the estimate before a run, where every trial is untouched, and the ETA while
the run is active.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from core.planning.schedules import CategoryWork, simulate

PRIOR_EPOCHS = 1.0
"""Weight of the earlier pace, in mean epochs of the run."""
PRIOR_TRIALS = 3.0
"""Weight of the assumption that no trial stops early, in finished trials."""


@dataclass(frozen=True, slots=True)
class TrialProgress:
    """An unfinished trial that has been claimed before.

    `epochs` are its trained epochs, with the fraction of the current one. `best_epoch` is 1 until
    the trial has a best epoch.
    """

    epochs: float
    best_epoch: int = 1
    is_running: bool = False


@dataclass(frozen=True, slots=True)
class UnfinishedCategory:
    """A category with unfinished trials. `parent` is its index in the sequence of categories.

    `epoch_cost` is the cost of one epoch of a trial, in seconds of the reference machine. A trial
    trains for at least `fewest_epochs` if no epoch after the first is better, and for at most
    `most_epochs`. `untouched` counts the trials that were never claimed, `begun` are the others.
    `rungs` of successive halving are those that these trials have not passed yet. `compared` counts
    the trials that are compared with them at the next rung and are not trained until then.
    """

    parent: int | None
    epoch_cost: float
    fewest_epochs: int
    most_epochs: int
    untouched: int
    begun: tuple[TrialProgress, ...] = ()
    rungs: tuple[int, ...] = ()
    compared: int = 0

    def work(self, expected_epochs: float, pace: float) -> CategoryWork:
        """Seconds of the remaining rounds of the search.

        Args:
            expected_epochs: Epochs of a trial, clipped to the limits of the category.
            pace: Seconds per second of cost.
        """
        begun = sorted(self.begun, key=lambda trial: not trial.is_running)
        ends = [self._end(trial.best_epoch, expected_epochs) for trial in begun]
        untouched_end = self._end(1, expected_epochs)
        end = max((*ends, untouched_end) if self.untouched else ends)
        stops = [*(rung for rung in self.rungs if rung < end), end]
        seconds = self.epoch_cost * pace
        rounds = [
            (
                *(
                    max(min(stops[0], last) - trial.epochs, 0.0) * seconds
                    for trial, last in zip(begun, ends, strict=True)
                ),
                *(min(stops[0], untouched_end) * seconds,) * self.untouched,
            )
        ]
        racing = len(begun) + self.untouched + self.compared
        for start, stop in pairwise(stops):
            racing = (racing + 1) // 2
            rounds.append(((stop - start) * seconds,) * racing)
        return CategoryWork(self.parent, tuple(rounds), sum(t.is_running for t in begun))

    def _end(self, best_epoch: int, expected_epochs: float) -> float:
        """Expected last epoch of a trial."""
        return min(max(expected_epochs, best_epoch + self.fewest_epochs - 1), self.most_epochs)


def remaining_seconds(
    categories: Sequence[UnfinishedCategory], slots: int, pace: float, expected_epochs: float
) -> float:
    """Seconds until all trials of these categories have ended.

    Args:
        categories: Unfinished categories in training order, parents before their children.
        slots: Number of workers.
        pace: Seconds per second on the reference machine.
        expected_epochs: Epochs of a trial, clipped to the limits of its category.
    """
    return simulate([c.work(expected_epochs, pace) for c in categories], slots).makespan


def calibrated_pace(
    earlier_pace: float, seconds: float, cost: float, categories: Sequence[UnfinishedCategory]
) -> float:
    """Pace of a run: measured seconds per second of cost, shrunk towards the earlier pace.

    The shrinkage keeps the first measurements of a run from moving its ETA abruptly.

    Args:
        earlier_pace: Pace of earlier runs, 1.0 without any.
        seconds: Seconds that the trials of the run have trained.
        cost: Cost of the epochs in these seconds.
        categories: Unfinished categories of the run.
    """
    weight = PRIOR_EPOCHS * sum(c.epoch_cost for c in categories) / max(len(categories), 1)
    if not weight + cost:
        return earlier_pace
    return (earlier_pace * weight + seconds) / (weight + cost)


def mean_epochs(most_epochs: int, finished: int, epochs: float) -> float:
    """Expected epochs of a trial, shrunk towards `most_epochs`.

    Args:
        most_epochs: Maximum number of epochs.
        finished: Number of finished trials.
        epochs: Sum of their epochs.
    """
    return (PRIOR_TRIALS * most_epochs + epochs) / (PRIOR_TRIALS + finished)
