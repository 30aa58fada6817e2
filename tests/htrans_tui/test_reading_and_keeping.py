"""Curves and alerts are read, tables and pictures kept, runs deleted, views remembered: by keys."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from textual.widgets import Button, DataTable, TabbedContent

from core.workspace import Workspace
from db.connection import Store
from db.events import add_event
from db.runs import list_runs, run_named
from htrans_tui.app.app import HTransApp
from htrans_tui.app.screens.dialogs import ChoiceDialog
from htrans_tui.app.screens.monitor import MonitorScreen
from htrans_tui.app.screens.runs import RunsScreen
from htrans_tui.app.widgets.alert_list import AlertList
from htrans_tui.app.widgets.category_table import CategoryTable
from htrans_tui.app.widgets.curves import Plot
from htrans_tui.app.widgets.trial_table import TrialTable
from tests.support.builders import category_of
from tests.support.pilot import open_monitor, text_of, tree_rows, until, write_to, written
from tests.support.still_life import still_life

SIZE = (140, 45)


@pytest.fixture
def still(tmp_path: Path) -> Workspace:
    return still_life(tmp_path)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


async def test_curves_have_a_line_for_each_class_weight_and_are_read_by_epoch(
    still: Workspace,
) -> None:
    store = Store(still.database)
    second = category_of(store, run_named(store, "still"), "animals").kept_trial_id
    with store.write():
        store.execute("UPDATE epochs SET f1 = 0.5 WHERE epoch = 2 AND trial_id <> ?", (second,))
    app = HTransApp(still)
    async with app.run_test(size=SIZE) as pilot:
        await open_monitor(app, pilot)
        await until(pilot, lambda: "a 1★ 0.910  b 5 0.880" in text_of(app, "#f1-title"))
        assert "training loss at epoch 4  a 1★ 0.150  b 5 0.150" in text_of(app, "#training-title")
        assert "validation loss at epoch 4" in text_of(app, "#validation-title")
        plot = app.screen.query_one("#f1-plot", Plot)
        assert sorted(len(line.x) for line in plot._datasets) == [1, 1, 4, 4]
        await pilot.press("left_square_bracket", "left_square_bracket")
        assert "at epoch 2" in text_of(app, "#f1-title")
        assert "b 5 0.500" in text_of(app, "#f1-title")
        await pilot.press("right_square_bracket")
        assert "at epoch 3" in text_of(app, "#training-title")
        await pilot.press(*["left_square_bracket"] * 9)
        assert "at epoch 1" in text_of(app, "#f1-title")


@pytest.mark.slow
async def test_the_mouse_reads_the_curves_where_it_points(still: Workspace) -> None:
    app = HTransApp(still)
    async with app.run_test(size=SIZE) as pilot:
        await open_monitor(app, pilot)
        await until(pilot, lambda: "at epoch 4" in text_of(app, "#f1-title"))
        plot = app.screen.query_one("#f1-plot", Plot)
        await pilot.hover("#f1-plot", offset=(9, plot.size.height // 2))
        await until(pilot, lambda: "at epoch 1" in text_of(app, "#f1-title"))
        await pilot.hover("#f1-plot", offset=(plot.size.width // 2, plot.size.height // 2))
        await until(pilot, lambda: "at epoch 1" not in text_of(app, "#f1-title"))


@pytest.mark.slow
async def test_m_shows_all_measures_or_one_after_the_other(still: Workspace) -> None:
    app = HTransApp(still)

    def shown() -> list[str]:
        return [str(plot.id) for plot in app.screen.query(Plot) if plot.display]

    async with app.run_test(size=SIZE) as pilot:
        await open_monitor(app, pilot)
        await until(pilot, lambda: len(shown()) == 3)
        for only in ("training-plot", "validation-plot", "f1-plot"):
            await pilot.press("m")
            assert shown() == [only]
        await pilot.press("m")
        assert len(shown()) == 3
        await pilot.resize_terminal(80, 24)
        await until(pilot, lambda: shown() == ["training-plot"])


@pytest.mark.slow
async def test_a_goes_through_the_alerts_and_enter_leads_to_their_categories(
    still: Workspace,
) -> None:
    store = Store(still.database)
    run = run_named(store, "still")
    with store.write():
        store.execute("UPDATE trials SET f1 = 0 WHERE f1 = 0.91")
        add_event(store, "crash", "killed by signal 9", run.id, category_of(store, run, "cats").id)
    app = HTransApp(still)
    async with app.run_test(size=SIZE) as pilot:
        await open_monitor(app, pilot)
        await until(pilot, lambda: len(app.snapshot.alerts) == 2)
        assert [" animals " in row or " cats " in row for row in tree_rows(app) if "!" in row] == [
            True,
            True,
        ]
        await pilot.press("end", "a")
        table = app.screen.query_one(CategoryTable)
        await until(pilot, lambda: table.cursor_row == 0)
        assert app.screen.query_one("#tabs", TabbedContent).active == "alerts"
        alerts = app.screen.query_one(AlertList)
        await until(pilot, lambda: alerts.option_count == 4)
        assert "animals: F1 is 0" in str(alerts.options[0].prompt)
        assert "cats: killed by signal 9" in str(alerts.options[1].prompt)
        await pilot.press("a")
        await until(pilot, lambda: table.cursor_row == 1)
        await pilot.press("a")
        await until(pilot, lambda: table.cursor_row == 0)
        await pilot.press("slash", *"food", "enter")
        await until(pilot, lambda: len(tree_rows(app)) == 1)
        alerts.focus()
        await pilot.press("home", "down", "enter")
        await until(pilot, lambda: "cats" in text_of(app, "#category-title"))
        assert len(tree_rows(app)) == 7, "a filter that hid it has ended"


@pytest.mark.slow
async def test_without_an_alert_a_says_so(still: Workspace) -> None:
    app = HTransApp(still)
    async with app.run_test(size=SIZE) as pilot:
        await open_monitor(app, pilot)
        await pilot.press("a")
        await until(pilot, lambda: "no alerts" in written(app))


@pytest.mark.slow
async def test_every_table_is_written_as_csv(still: Workspace, tmp_path: Path) -> None:
    app = HTransApp(still)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: bool(app.snapshot.runs))
        await pilot.press("w")
        await write_to(app, pilot, tmp_path / "runs.csv")
        assert [row["name"] for row in rows_of(tmp_path / "runs.csv")] == ["still"]
        await open_monitor(app, pilot)
        await pilot.press("s", "w")
        await write_to(app, pilot, tmp_path / "categories.csv")
        found = rows_of(tmp_path / "categories.csv")
        assert [row["id"] for row in found][:2] == ["cats", "animals"], "in the order shown"
        assert found[0]["validation_f1"] == "0.747"
        assert found[-1]["validation_f1"] == ""
        await pilot.press("s", "s", "s", "s", "home", "d")
        await until(pilot, lambda: app.screen.query_one(TrialTable).row_count == 2)
        app.screen.query_one(TrialTable).focus()
        await pilot.press("w")
        await write_to(app, pilot, tmp_path / "weights.csv")
        assert [row["f1"] for row in rows_of(tmp_path / "weights.csv")] == ["0.91", "0.88"]
        await pilot.press("w")
        await write_to(app, pilot, tmp_path / "weights.csv")
        await until(pilot, lambda: "already exists" in written(app))
        await pilot.press("w")
        await write_to(app, pilot, tmp_path / "weights.csv" / "x.csv")
        await until(pilot, lambda: "cannot be written" in written(app))


@pytest.mark.slow
async def test_the_screen_is_written_as_svg(still: Workspace, tmp_path: Path) -> None:
    app = HTransApp(still)
    async with app.run_test(size=SIZE) as pilot:
        await open_monitor(app, pilot)
        await pilot.press("W")
        await write_to(app, pilot, tmp_path / "screen.svg")
        picture = (tmp_path / "screen.svg").read_text()
        assert picture.startswith("<svg")
        assert "animals" in picture
        assert "Write the screenshot" not in picture, "the question is not on it"


async def test_a_run_is_deleted_after_a_question(still: Workspace) -> None:
    store = Store(still.database)
    app = HTransApp(still)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: bool(app.snapshot.runs))
        await pilot.press("D")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press("1")
        await until(pilot, lambda: "still is running; pause or cancel it" in written(app))
        with store.write():
            store.execute("UPDATE trials SET state = 'ready' WHERE state = 'running'")
            store.execute("UPDATE runs SET state = 'cancelled'")
        await pilot.press("D")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press("escape")
        assert len(list_runs(store)) == 1
        await pilot.press("D")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press("1")
        await until(pilot, lambda: list_runs(store) == [])
        await until(pilot, lambda: "No runs yet" in text_of(app, "#hint"))


@pytest.mark.slow
async def test_a_run_that_is_deleted_while_it_is_watched_is_told(still: Workspace) -> None:
    app = HTransApp(still)
    async with app.run_test(size=SIZE) as pilot:
        await open_monitor(app, pilot)
        store = Store(still.database)
        with store.write():
            store.execute("DELETE FROM runs")
        await until(pilot, lambda: "does not exist" in text_of(app, "#title"))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        await until(pilot, lambda: "No runs yet" in text_of(app, "#hint"))


@pytest.mark.slow
async def test_a_run_opens_as_it_was_left(still: Workspace) -> None:
    app = HTransApp(still)
    async with app.run_test(size=SIZE) as pilot:
        await open_monitor(app, pilot)
        await pilot.press("left", "down", "down", "d", "d")
        await until(pilot, lambda: "fruit" in text_of(app, "#category-title"))
        await pilot.press("q")
    app = HTransApp(still)
    async with app.run_test(size=SIZE) as pilot:
        await open_monitor(app, pilot)
        await until(pilot, lambda: "fruit" in text_of(app, "#category-title"))
        assert len(tree_rows(app)) == 5, "animals are folded"
        assert app.screen.query_one("#tabs", TabbedContent).active == "history"
        await pilot.press("s", "s", "escape")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, MonitorScreen) and bool(tree_rows(app)))
        assert "largest loss first" in text_of(app, "#shown")


async def test_a_click_on_a_title_orders_the_runs(still: Workspace) -> None:
    store = Store(still.database)
    with store.write():
        store.execute(
            "INSERT INTO runs (name, corpus_id, system, settings, seed, state, created_at) "
            "SELECT 'another', corpus_id, 'linear', settings, seed, 'done', 0 FROM runs"
        )
    app = HTransApp(still)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: len(app.snapshot.runs) == 2)
        table = app.screen.query_one("#runs", DataTable)

        def names() -> list[str]:
            return [str(table.get_row_at(row)[0]) for row in range(2)]

        await until(pilot, lambda: names() == ["another", "still"])
        await pilot.click("#runs", offset=(2, 0))
        assert names() == ["another", "still"]
        await pilot.click("#runs", offset=(2, 0))
        await until(pilot, lambda: names() == ["still", "another"])
        await pilot.click("#runs", offset=(2, 0))
        await until(pilot, lambda: names() == ["another", "still"])


async def test_a_button_is_no_way_around_read_only(still: Workspace) -> None:
    app = HTransApp(still, read_only=True)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: bool(app.snapshot.runs))
        await pilot.press("D", "n", "p")
        assert isinstance(app.screen, RunsScreen)
        assert not app.screen.query(Button)
