"""Finding categories in the monitor and steering them, driven by keys."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Button, Checkbox, Footer, Input, Static, TabbedContent

from core.workspace import Workspace
from db.attempts import attempts_of
from db.connection import Store
from db.runs import run_named
from htrans_tui.app.actions import ACTIONS
from htrans_tui.app.app import HTransApp
from htrans_tui.app.screens.dialogs import ChoiceDialog, RetrainDialog
from htrans_tui.app.screens.log import LogScreen
from htrans_tui.app.screens.monitor import MonitorScreen
from htrans_tui.app.widgets.category_columns import SORTS
from htrans_tui.app.widgets.category_table import CategoryTable
from htrans_tui.app.widgets.curves import smooth
from htrans_tui.app.widgets.history_table import HistoryTable
from tests.support.builders import category_of, category_states, finish_with, start_worker
from tests.support.pilot import open_monitor, text_of, tree_rows, until
from tests.support.still_life import still_life

SIZE = (120, 40)


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> None:
    """No engine is started."""
    for module in ("retraining", "steering"):
        asleep = f"core.engine.runs.{module}.ensure_supervisor"
        monkeypatch.setattr(asleep, lambda store, place: None)


@pytest.fixture
def still(tmp_path: Path) -> Workspace:
    return still_life(tmp_path)


def listed(app: HTransApp) -> list[str]:
    """Ids of the rows from top to bottom."""
    return [category.key for category in app.screen.query_one(CategoryTable).rows]


async def choose(app: HTransApp, pilot: Pilot[None], key: str) -> None:
    """Move the tree's cursor to a category."""
    for _ in range(20):
        if text_of(app, "#category-title").split()[:1] == [key]:
            return
        await pilot.press("down")
        await pilot.pause(0.5)
    pytest.fail(f"the cursor never came to {key}")


async def test_filter_shows_what_matches_with_its_ancestors_while_typing(still: Workspace) -> None:
    app = HTransApp(still)
    async with app.run_test(size=SIZE) as pilot:
        await open_monitor(app, pilot)
        await pilot.press("slash", "R", "e", "a")
        await until(pilot, lambda: len(tree_rows(app)) == 2)
        assert "food" in tree_rows(app)[0]
        assert "bread" in tree_rows(app)[1]
        assert "1 of 7: matching 'Rea'" in text_of(app, "#shown")
        await pilot.press("enter")
        table = app.focused
        assert isinstance(table, CategoryTable)
        chosen = next(row.key for row in table.rows if row.id == table.cursor_category_id)
        assert chosen == "bread", "the cursor is on what matches, not on what stands above it"
        await pilot.press("escape")
        await until(pilot, lambda: len(tree_rows(app)) == 7)
        assert not app.screen.query_one("#filter").display
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, MonitorScreen))


@pytest.mark.slow
async def test_a_slash_can_be_part_of_a_filter(still: Workspace) -> None:
    app = HTransApp(still)
    async with app.run_test(size=SIZE) as pilot:
        await open_monitor(app, pilot)
        await pilot.press("slash", "a", "slash", "b")
        assert app.screen.query_one("#filter", Input).value == "a/b"


@pytest.mark.slow
async def test_f_shows_one_state_after_the_other_then_all(still: Workspace) -> None:
    app = HTransApp(still)
    async with app.run_test(size=SIZE) as pilot:
        await open_monitor(app, pilot)
        seen = []
        for _ in range(5):
            await pilot.press("f")
            await pilot.pause()
            shown = text_of(app, "#shown") if app.screen.query_one("#shown").display else "all"
            seen.append((shown.split("only ")[-1], len(tree_rows(app))))
        assert seen == [
            ("· waiting", 5),
            ("○ ready", 1),
            ("◐ running", 2),
            ("● done", 1),
            ("∅ empty", 2),
        ]
        await pilot.press("f")
        await until(pilot, lambda: len(tree_rows(app)) == 7)


@pytest.mark.slow
async def test_s_goes_through_the_orders_as_a_list_and_back_to_the_tree(still: Workspace) -> None:
    app = HTransApp(still)
    async with app.run_test(size=SIZE) as pilot:
        await open_monitor(app, pilot)
        await pilot.press("s")
        assert listed(app)[:2] == ["cats", "animals"], "worst F1 first"
        assert not any("▾" in row for row in tree_rows(app)), "a list has nothing to fold"
        await until(pilot, lambda: "cats" in text_of(app, "#category-title"))
        await pilot.press("s")
        assert listed(app)[:2] == ["cats", "animals"], "largest loss first"
        await pilot.press("s")
        assert listed(app)[:2] == ["unused", "bread"], "fewest first"
        await pilot.press("s")
        assert listed(app)[:2] == ["animals", "cats"], "slowest first"
        assert "time" in text_of(app, "#column-titles")
        await pilot.press("down")
        await until(pilot, lambda: "cats" in text_of(app, "#category-title"))
        await pilot.press("s")
        assert listed(app)[:3] == ["animals", "cats", "dogs"]
        assert app.screen.query_one(CategoryTable).cursor_row == 1
        assert isinstance(app.focused, CategoryTable)


@pytest.mark.slow
async def test_a_click_on_a_title_orders_by_its_column_and_the_other_way(still: Workspace) -> None:
    app = HTransApp(still)
    async with app.run_test(size=SIZE) as pilot:
        await open_monitor(app, pilot)
        titles = text_of(app, "#column-titles")
        at = (titles.index("pos"), 0)
        await pilot.click("#column-titles", offset=at)
        await until(pilot, lambda: listed(app)[0] == "unused")
        assert "pos▴" in text_of(app, "#column-titles")
        await pilot.click("#column-titles", offset=at)
        await until(pilot, lambda: listed(app)[0] == "animals")
        assert "pos▾" in text_of(app, "#column-titles")
        assert "largest pos first" in text_of(app, "#shown")
        await pilot.click("#column-titles", offset=(2, 0))
        await until(pilot, lambda: not app.screen.query_one("#shown").display)
        assert listed(app)[:3] == ["animals", "cats", "dogs"]


@pytest.mark.slow
async def test_a_click_moves_the_cursor_and_one_on_the_mark_folds(still: Workspace) -> None:
    app = HTransApp(still)
    async with app.run_test(size=SIZE) as pilot:
        await open_monitor(app, pilot)
        await pilot.click("#categories", offset=(10, 3))
        await until(pilot, lambda: "food" in text_of(app, "#category-title"))
        await pilot.click("#categories", offset=(0, 3))
        await until(pilot, lambda: listed(app) == ["animals", "cats", "dogs", "food"])
        assert tree_rows(app)[3].startswith("▸")
        await pilot.press("right")
        assert len(listed(app)) == 7
        await pilot.press("right", "left")
        assert app.screen.query_one(CategoryTable).cursor_row == 3, "left of a leaf is its parent"
        await pilot.press("left")
        assert len(listed(app)) == 4
        await pilot.press("home")
        assert app.screen.query_one(CategoryTable).cursor_row == 0
        await pilot.press("end")
        assert app.screen.query_one(CategoryTable).cursor_row == 3


@pytest.mark.slow
async def test_list_keeps_its_cursor_on_its_category_when_the_order_changes(
    still: Workspace,
) -> None:
    app = HTransApp(still)
    async with app.run_test(size=SIZE) as pilot:
        await open_monitor(app, pilot)
        await pilot.press("s")
        assert listed(app)[0] == "cats"
        store = Store(still.database)
        with store.write():
            store.execute("UPDATE trials SET f1 = 0.999 WHERE f1 = 0.747")
        await until(pilot, lambda: listed(app)[0] == "animals")
        assert app.screen.query_one(CategoryTable).cursor_row == 1


@pytest.mark.slow
async def test_what_is_folded_stays_folded_when_the_rows_change(still: Workspace) -> None:
    app = HTransApp(still)
    async with app.run_test(size=SIZE) as pilot:
        await open_monitor(app, pilot)
        await pilot.press("space")
        await until(pilot, lambda: len(tree_rows(app)) == 5)
        await pilot.press("slash", "x")
        await until(pilot, lambda: len(tree_rows(app)) == 0)
        await pilot.press("escape")
        await until(pilot, lambda: len(tree_rows(app)) > 0)
        assert len(tree_rows(app)) == 5


@pytest.mark.slow
async def test_a_category_is_paused_alone_or_with_what_is_below_it(still: Workspace) -> None:
    app = HTransApp(still)
    async with app.run_test(size=SIZE) as pilot:
        await open_monitor(app, pilot)
        await choose(app, pilot, "food")
        await pilot.press("P")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        labels = [str(button.label) for button in app.screen.query(Button)]
        assert labels == ["1  food only", "2  food and 3 below"]
        await pilot.press("2")
        store = Store(still.database)
        run = run_named(store, "still")
        await until(pilot, lambda: category_of(store, run, "bread").held)
        assert category_of(store, run, "food").held
        assert not category_of(store, run, "cats").held
        await until(pilot, lambda: "‖" in tree_rows(app)[3])
        await pilot.press("P")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press("1")
        await until(pilot, lambda: not category_of(store, run, "food").held)
        assert category_of(store, run, "bread").held


@pytest.mark.slow
async def test_cancelling_asks_and_escape_leaves_all_as_it_is(still: Workspace) -> None:
    app = HTransApp(still)
    async with app.run_test(size=SIZE) as pilot:
        await open_monitor(app, pilot)
        await choose(app, pilot, "food")
        store = Store(still.database)
        run = run_named(store, "still")
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MonitorScreen))
        assert category_states(store, run)["food"] == "ready"
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press("1")
        await until(pilot, lambda: category_states(store, run)["food"] == "cancelled")
        assert category_states(store, run)["bread"] == "cancelled", "it waits for food"
        assert category_states(store, run)["cats"] == "running"
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press("3")
        await until(pilot, lambda: category_states(store, run)["cats"] == "cancelled")


async def test_retraining_asks_how_and_says_what_it_means(own_copy: Workspace) -> None:
    app = HTransApp(own_copy, "small")
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: isinstance(app.screen, MonitorScreen) and bool(tree_rows(app)))
        await choose(app, pilot, "animals")
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, RetrainDialog))
        said = app.screen.query_one("#estimate", Static)
        assert str(said.render()).startswith("1 category, ")
        assert "2 below become stale" in str(said.render())
        app.screen.query_one("#subtree", Checkbox).value = True
        await until(pilot, lambda: str(said.render()).startswith("3 categories, "))
        assert "stale" not in str(said.render())
        app.screen.query_one("#class-weights", Input).value = "1,x"
        await until(pilot, lambda: "1,5,10" in str(said.render()))
        assert app.screen.query_one("#go", Button).disabled
        app.screen.query_one("#class-weights", Input).value = "7"
        app.screen.query_one("#epochs", Input).value = "2"
        await until(pilot, lambda: not app.screen.query_one("#go", Button).disabled)
        app.screen.query_one("#go", Button).press()
        store = Store(own_copy.database)
        run = run_named(store, "small")
        await until(pilot, lambda: category_states(store, run)["animals"] == "ready")
        assert category_states(store, run)["cats"] == "waiting"
        attempt = attempts_of(store, category_of(store, run, "cats").id)[-1]
        assert attempt.origin == "parent"
        assert '"class_weights": [7.0]' in attempt.changes
        assert '"epochs": 2' in attempt.changes


@pytest.mark.slow
async def test_what_cannot_be_retrained_is_told_before_it_is_asked_for(still: Workspace) -> None:
    app = HTransApp(still)
    async with app.run_test(size=SIZE) as pilot:
        await open_monitor(app, pilot)
        await choose(app, pilot, "cats")
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, RetrainDialog))
        assert "is running; wait until it ends" in str(
            app.screen.query_one("#estimate", Static).render()
        )
        assert app.screen.query_one("#go", Button).disabled
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MonitorScreen))


@pytest.mark.slow
async def test_history_shows_attempts_and_brings_a_model_back(own_copy: Workspace) -> None:
    from core.engine.runs.retraining import RetrainRequest, retrain
    from db.trials import claim_trial

    store = Store(own_copy.database)
    run = run_named(store, "small")
    old = category_of(store, run, "cats").kept_trial_id
    retrain(store, own_copy, run, RetrainRequest("cats", changes={"epochs": 2}))
    worker = start_worker(store)
    while (claim := claim_trial(store, worker)) is not None:
        finish_with(store, claim, 0.25)
    app = HTransApp(own_copy, "small")
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: isinstance(app.screen, MonitorScreen) and bool(tree_rows(app)))
        await choose(app, pilot, "cats")
        await pilot.press("b")
        assert app.screen.query_one("#tabs", TabbedContent).active == "history"
        table = app.screen.query_one(HistoryTable)
        await until(pilot, lambda: table.row_count == 2)
        rows = [[str(cell) for cell in table.get_row_at(i)] for i in range(2)]
        assert [row[0] for row in rows] == ["2★", "1 "]
        assert rows[0][3] == "0.250"
        assert rows[0][-1] == "epochs 2"
        table.move_cursor(row=1)
        await pilot.press("b")
        await until(pilot, lambda: category_of(store, run, "cats").kept_trial_id == old)
        await until(pilot, lambda: str(table.get_row_at(1)[0]) == "1★")


async def test_p_among_the_runs_pauses_the_one_under_the_cursor(still: Workspace) -> None:
    store = Store(still.database)
    app = HTransApp(still)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: bool(app.snapshot.runs))
        await pilot.press("p")
        await until(pilot, lambda: run_named(store, "still").state == "pausing")


@pytest.mark.slow
async def test_the_monitor_leads_to_the_log_and_back(still: Workspace) -> None:
    app = HTransApp(still)
    async with app.run_test(size=SIZE) as pilot:
        await open_monitor(app, pilot)
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, LogScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MonitorScreen))


@pytest.mark.slow
async def test_read_only_app_has_nothing_that_steers(still: Workspace) -> None:
    app = HTransApp(still, read_only=True)
    async with app.run_test(size=SIZE) as pilot:
        await open_monitor(app, pilot)
        assert "read-only" in text_of(app, "#title")
        await pilot.press("p", "P", "r", "x", "b")
        await pilot.pause(0.5)
        assert isinstance(app.screen, MonitorScreen)
        store = Store(still.database)
        assert run_named(store, "still").state == "running"
        offered = {
            command.title for command in app.get_system_commands(cast("Screen[object]", app.screen))
        }
        assert offered.isdisjoint({action.label for action in ACTIONS if action.steers})
        shown = {key.action for key in app.screen.query_one(Footer).query("FooterKey")}  # type: ignore[attr-defined]
        assert "toggle_pause" not in shown
        assert "filter" in shown


async def test_log_follows_what_is_written_and_shows_escape_sequences_as_text(
    still: Workspace,
) -> None:
    (still.logs / "supervisor.log").write_text("one\n\x1b[31mred [bold]two[/bold]\n")
    (still.logs / "worker-0.log").write_text("of a worker\n")
    app = HTransApp(still)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: bool(app.snapshot.runs))
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, LogScreen))
        lines = app.screen.query_one("#lines")
        await until(pilot, lambda: "␛[31mred [bold]two[/bold]" in shown_in(lines))
        with (still.logs / "supervisor.log").open("a") as log:
            log.write("three\nhalf a li")
        await until(pilot, lambda: "three" in shown_in(lines))
        assert "half" not in shown_in(lines)
        await pilot.press("d")
        await until(pilot, lambda: "of a worker" in shown_in(lines))
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, LogScreen))


def shown_in(lines: object) -> str:
    return "\n".join(strip.text for strip in lines.lines)  # type: ignore[attr-defined]


@pytest.mark.slow
async def test_losses_can_be_drawn_on_a_log_scale_and_smoothed(still: Workspace) -> None:
    app = HTransApp(still)
    async with app.run_test(size=SIZE) as pilot:
        await open_monitor(app, pilot)
        await until(pilot, lambda: "1★" in text_of(app, "#training-title"))
        await pilot.press("y")
        assert "training loss, log" in text_of(app, "#training-title")
        assert "log" not in text_of(app, "#f1-title")
        await pilot.press("plus", "plus")
        assert "smoothed over 4 points" in text_of(app, "#training-title")
        await pilot.press("minus", "y")
        assert "smoothed over 2 points" in text_of(app, "#training-title")
        assert "log" not in text_of(app, "#training-title")


def test_smoothing_over_one_point_changes_nothing_and_over_more_follows_slowly() -> None:
    values = [1.0, 0.0, 0.0, 1.0]
    assert smooth(values, 1) == values
    assert smooth(values, 2) == [1.0, 0.5, 0.25, 0.625]
    assert smooth([], 4) == []


def test_sorts_put_what_has_no_value_last(still: Workspace) -> None:
    from core.engine.monitoring.status import status_of

    store = Store(still.database)
    categories = status_of(store, run_named(store, "still").id).categories
    for sort in SORTS:
        keys = [category.key for category in sort.apply(categories)]
        assert sorted(keys) == sorted(category.key for category in categories)
        if sort.name != "fewest positives":
            assert set(keys[:2]) == {"animals", "cats"}, sort.name
