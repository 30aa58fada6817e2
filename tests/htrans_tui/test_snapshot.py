"""What the app reads of a run whose categories share one model."""

from __future__ import annotations

from db.connection import Store
from db.trials import record_epoch
from htrans_tui.app.snapshot import SnapshotReader
from tests.support.builders import (
    an_epoch,
    category_of,
    claim_next,
    record_corpus,
    record_shared_run,
    start_worker,
)


def test_details_of_a_category_are_those_of_the_model_that_it_shares(store: Store) -> None:
    run = record_shared_run(store, record_corpus(store))
    claim = claim_next(store, start_worker(store))
    for number in (1, 2):
        record_epoch(store, claim, an_epoch(number), is_kept=True, seconds=1.0)
    for key in ("animals", "bread"):
        details = SnapshotReader().read(store, run.id, category_of(store, run, key).id).details
        assert details is not None
        assert details.category.key == key
        assert [curves.trial.id for curves in details.trained] == [claim.trial_id]
        assert [epoch.epoch for epoch in details.trained[0].epochs] == [1, 2]


def test_every_row_has_the_curve_of_the_model_that_it_shares(store: Store) -> None:
    run = record_shared_run(store, record_corpus(store))
    claim = claim_next(store, start_worker(store))
    record_epoch(store, claim, an_epoch(1), is_kept=True, seconds=1.0)
    sparks = SnapshotReader().read(store, run.id, None).losses
    sharing = [category_of(store, run, key).id for key in ("animals", "cats", "food")]
    assert [sparks[row] for row in sharing] == [(1.0,)] * 3
    assert category_of(store, run, "unused").id not in sparks
