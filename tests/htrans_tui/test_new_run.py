"""The form for a new run, driven by keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Button, Input, Select, Static

from core.engine.maintenance.doctor import engine_at_work
from core.workspace import Workspace
from db.connection import Store
from db.runs import list_runs, run_named
from htrans_tui.app.app import HTransApp
from htrans_tui.app.screens.new_run import NewRunDialog
from htrans_tui.app.screens.runs import RunsScreen
from tests.support.command_line import htrans, htrans_json
from tests.support.messages import tells
from tests.support.pilot import until
from tests.support.still_life import still_life
from tests.support.waiting import until as wait_for

SIZE = (100, 40)


def estimate(app: HTransApp) -> str:
    return str(app.screen.query_one("#estimate", Static).render())


@pytest.mark.slow
async def test_form_says_what_a_run_comes_to_and_starts_it(own_copy: Workspace) -> None:
    app = HTransApp(own_copy)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: bool(app.snapshot.runs))
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewRunDialog))
        await until(pilot, lambda: "42 trials" in estimate(app), 60)
        assert not app.screen.query_one("#go", Button).disabled
        app.screen.query_one("#epochs", Input).value = "0"
        await until(pilot, lambda: tells(estimate(app), "--epochs", "1"), 60)
        assert app.screen.query_one("#go", Button).disabled
        app.screen.query_one("#epochs", Input).value = ""
        app.screen.query_one("#system", Select).value = "linear"
        await until(pilot, lambda: estimate(app).startswith("6 trials"), 60)
        assert app.screen.query_one("#epochs", Input).disabled, "it has no epochs"
        app.screen.query_one("#name", Input).value = "from [b]the form[/b]"
        await until(pilot, lambda: estimate(app).startswith("6 trials"), 60)
        await until(pilot, lambda: not app.screen.query_one("#go", Button).disabled)
        app.screen.query_one("#go", Button).press()
        await until(pilot, lambda: isinstance(app.screen, RunsScreen), 60)
    store = Store(own_copy.database)
    run = run_named(store, "from [b]the form[/b]")
    assert run.system == "linear"
    wait_for(lambda: run_named(store, run.name).state == "done" and not engine_at_work(store))


async def test_escape_leaves_the_form_and_starts_nothing(tmp_path: Path) -> None:
    still = still_life(tmp_path)
    app = HTransApp(still)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: bool(app.snapshot.runs))
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, NewRunDialog))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
    assert len(list_runs(Store(still.database))) == 1


def test_dry_run_says_what_it_comes_to_and_starts_nothing(own_copy: Workspace) -> None:
    before = htrans_json(own_copy, "runs")
    said = htrans(own_copy, "train", "small", "--dry-run")
    assert said.returncode == 0
    assert tells(said.stdout, "42 trials")
    notes = htrans_json(own_copy, "train", "small", "--dry-run")["notes"]
    assert any("no vectors" in note for note in notes)
    assert htrans_json(own_copy, "runs") == before
