"""The first line of the monitor: what does not fit is left out, not cut off."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.engine.watching.status import status_of
from db.connection import Store
from htrans_tui.screens.monitor import title
from tests.builders import record_corpus, record_run


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (120, " htrans-tui  r · htrans · running 0/7 · ETA 1 m 30 s (7 ended trials)"),
        (60, " htrans-tui  r · htrans · running 0/7 · ETA 1 m 30 s"),
        (20, " htrans-tui  r · htrans · running 0/7 · ETA 1 m 30 s"),
    ],
)
def test_what_the_eta_goes_by_is_told_where_there_is_room(
    store: Store, width: int, line: str
) -> None:
    run = record_run(store, record_corpus(store), name="r")
    status = status_of(store, run.id)
    expected = replace(status.run, eta_seconds=90.0, eta_basis="7 ended trials", done=0, total=7)
    assert title(replace(status, run=expected), width) == line
