"""The first line of the monitor: what does not fit is left out, not cut off."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.engine.monitoring.status import status_of
from db.connection import Store
from htrans_tui.app.app import HTransApp
from htrans_tui.app.screens.monitor import title
from tests.support.builders import record_corpus, record_run
from tests.support.pilot import text_of, until
from tests.support.trained import Trained


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (
            120,
            "r · htrans · running 6/7 · ETA 1 m 30 s (7 ended trials) · test micro-F1 0.500 · "
            "macro-F1 0.250",
        ),
        (100, "r · htrans · running 6/7 · ETA 1 m 30 s · test micro-F1 0.500 · macro-F1 0.250"),
        (80, "r · running 6/7 · ETA 1 m 30 s · test F1 micro 0.500 macro 0.250"),
        (20, "r · running 6/7 · ETA 1 m 30 s · test F1 micro 0.500 macro 0.250"),
    ],
)
def test_what_does_not_fit_is_left_out(store: Store, width: int, line: str) -> None:
    run = record_run(store, record_corpus(store), name="r")
    status = status_of(store, run.id)
    told = replace(status.run, eta_seconds=90.0, eta_basis="7 ended trials", done=6, total=7)
    told = replace(told, test_micro_f1=0.5, test_macro_f1=0.25)
    assert title(replace(status, run=told), width) == f" htrans-tui  {line}"


@pytest.mark.slow
async def test_it_follows_the_size_of_the_terminal(trained: Trained) -> None:
    app = HTransApp(trained.workspace, "small")
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, lambda: "test micro-F1" in text_of(app, "#title"))
        wide = text_of(app, "#title")
        await pilot.resize_terminal(60, 30)
        await until(pilot, lambda: text_of(app, "#title") != wide)
        assert "test F1 micro" in text_of(app, "#title")
        await pilot.resize_terminal(120, 30)
        await until(pilot, lambda: text_of(app, "#title") == wide)


def test_without_measures_and_time_left_there_is_the_state(store: Store) -> None:
    run = record_run(store, record_corpus(store), name="r")
    assert title(status_of(store, run.id), 80) == " htrans-tui  r · htrans · running 1/7"
