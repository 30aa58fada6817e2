"""The slots of a cluster and the tasks at them, as the supervisor knows them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from core.engine.cluster.mailbox import Order
from core.engine.cluster.object_store_cache import ObjectStoreCache
from db.trials import Claim


@dataclass(slots=True)
class Task:
    """What runs at a slot: a trial's training, or the scoring after a category's last trial.

    `scores`: it is a scoring, and `claim` that of the trial whose model scores. `recorded` is the
    number of the last of its news that is written. `heard` is when it last gave a sign, by this
    process's steady clock, None before the first; `ordered` is when its order was given.
    """

    name: str
    claim: Claim
    shelf: ObjectStoreCache
    scores: bool = False
    reference: Any = None
    order: Order = "go on"
    ordered: float = 0.0
    recorded: int = 0
    heard: float | None = None
    killed: bool = False

    def give(self, order: Order) -> None:
        """Have it told an order."""
        if order != self.order:
            self.order, self.ordered = order, time.monotonic()


@dataclass(slots=True)
class Slot:
    """Room for one trial somewhere on the cluster, known to the database as a worker.

    Nothing is submitted for it before `not_before`.
    """

    worker: int
    task: Task | None = None
    not_before: float = 0.0
