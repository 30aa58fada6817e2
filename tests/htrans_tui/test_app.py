"""The app, driven by keys."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from rich.console import Console
from textual.events import Key
from textual.widgets import DataTable, TextArea

from core.settings import TrainingSettings
from core.workspace import Workspace
from db.connection import Store
from db.run_categories import NewRunCategory
from db.runs import create_run
from htrans_tui.app.actions import ACTIONS, Scope, keys_in
from htrans_tui.app.app import HTransApp
from htrans_tui.app.screens.classify import ClassifyScreen
from htrans_tui.app.screens.compare import CompareScreen
from htrans_tui.app.screens.help import HelpScreen, keys_table
from htrans_tui.app.screens.log import LogScreen
from htrans_tui.app.screens.monitor import MonitorScreen
from htrans_tui.app.screens.predictions import PredictionsScreen
from htrans_tui.app.screens.runs import RunsScreen
from htrans_tui.app.widgets.alert_list import AlertList
from htrans_tui.app.widgets.category_table import CategoryTable
from htrans_tui.app.widgets.trial_table import TrialTable
from htrans_tui.app.widgets.workers import WorkerLines
from tests.support.pilot import found, notifications, open_monitor, text_of, tree_rows, until
from tests.support.still_life import WEIGHTS, still_life
from tests.support.trained import Trained


@pytest.fixture
def still(tmp_path: Path) -> Workspace:
    return still_life(tmp_path)


@pytest.mark.slow
async def test_enter_does_not_overtake_the_arrow_keys_before_it(still: Workspace) -> None:
    store = Store(still.database)
    create_run(
        store,
        name="newer",
        corpus_id=1,
        corpus_name="small",
        vectors_id=None,
        system="htrans",
        settings=TrainingSettings(class_weights=WEIGHTS).to_json(),
        seed=0,
        coverage=0.0,
        categories=[NewRunCategory("animals", 9, "ready")],
        class_weights=WEIGHTS,
    )
    store.close()
    app = HTransApp(still)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: isinstance(app.focused, DataTable))
        for key in ("down", "enter"):  # as a slow line brings them: both at once
            app.post_message(Key(key, None))
        await until(pilot, lambda: isinstance(app.screen, MonitorScreen))
        await until(pilot, lambda: " still · " in text_of(app, "#title"))


async def test_the_app_opens_on_the_runs_of_the_workspace(still: Workspace) -> None:
    app = HTransApp(still)
    async with app.run_test() as pilot:
        await until(pilot, lambda: bool(app.snapshot.runs))
        assert isinstance(app.screen, RunsScreen)
        row = [str(cell) for cell in app.screen.query_one("#runs", DataTable).get_row_at(0)]
        assert row[:3] == ["still", "◐ running", "2/7"]


async def test_an_empty_workspace_says_how_to_begin(tmp_path: Path) -> None:
    app = HTransApp(Workspace(tmp_path / "nothing"))
    async with app.run_test() as pilot:
        await until(pilot, lambda: "import a corpus" in text_of(app, "#hint"))
        await pilot.press("enter", "p", "c")
        assert isinstance(app.screen, RunsScreen)


async def test_enter_shows_the_tree_with_states_and_values(still: Workspace) -> None:
    app = HTransApp(still)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_monitor(app, pilot)
        animals, cats, dogs, *_, unused = tree_rows(app)
        assert animals.startswith("▾ ●")
        assert animals.split()[-5:] == ["103", "0.150", "█▃▂▁", "1", "0.910"]
        assert "◐" in cats
        assert "0/2" in cats
        assert "·" in dogs
        assert "∅" in unused
        assert "running 2/7" in text_of(app, "#title")


async def test_the_selected_category_shows_its_curves_and_class_weights(still: Workspace) -> None:
    app = HTransApp(still)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_monitor(app, pilot)
        await until(pilot, lambda: "1★" in text_of(app, "#training-title"))
        await pilot.press("d")
        table = app.screen.query_one(TrialTable)
        await until(pilot, lambda: table.row_count == 2)
        rows = [[str(cell) for cell in table.get_row_at(i)] for i in range(table.row_count)]
        assert [row[0] for row in rows] == ["1★", "5 "]
        assert rows[0][2:6] == ["0.910", "0.910", "0.910", "4"]
        await pilot.press("d", "d", "d", "down")
        await until(pilot, lambda: "cats" in text_of(app, "#category-title"))
        await pilot.press("down")
        await until(pilot, lambda: "parent is not trained" in text_of(app, "#training-title"))


@pytest.mark.slow
async def test_a_change_in_the_database_reaches_the_tree_and_keeps_the_cursor(
    still: Workspace,
) -> None:
    app = HTransApp(still)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_monitor(app, pilot)
        await pilot.press("down", "down", "down")
        store = Store(still.database)
        with store.write():
            store.execute("UPDATE trials SET f1 = 0.999 WHERE f1 = 0.747")
        await until(pilot, lambda: "0.999" in tree_rows(app)[1])
        assert app.screen.query_one(CategoryTable).cursor_row == 3


@pytest.mark.slow
async def test_only_changed_rows_are_drawn_again(
    still: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []
    app = HTransApp(still)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_monitor(app, pilot)
        await pilot.pause(0.5)
        table = app.screen.query_one(CategoryTable)
        monkeypatch.setattr(table, "refresh_line", drawn.append)
        store = Store(still.database)
        with store.write():
            store.execute("UPDATE trials SET f1 = 0.999 WHERE f1 = 0.747")
        await until(pilot, lambda: "0.999" in tree_rows(app)[1])
        assert drawn == [1]


async def test_p_pauses_and_resumes_the_run(
    still: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Workspace] = []
    monkeypatch.setattr(
        "core.engine.runs.steering.ensure_supervisor", lambda store, place: started.append(place)
    )
    store = Store(still.database)
    app = HTransApp(still)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_monitor(app, pilot)
        await pilot.press("p")
        await until(pilot, lambda: store.value("SELECT state FROM runs") == "pausing")
        await until(pilot, lambda: "pausing" in text_of(app, "#title"))
        assert started == []
        await pilot.press("p")
        await until(pilot, lambda: store.value("SELECT state FROM runs") == "running")
        await until(pilot, lambda: started == [still])


async def test_a_refused_action_is_told_and_nothing_breaks(trained: Trained) -> None:
    app = HTransApp(trained.workspace, "small")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, MonitorScreen) and bool(tree_rows(app)))
        await pilot.press("p")
        await until(pilot, lambda: any("cannot be" in n.message for n in notifications(app)))


@pytest.mark.slow
async def test_typed_text_is_classified_while_typing(trained: Trained) -> None:
    app = HTransApp(trained.workspace, "small")
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, MonitorScreen) and bool(tree_rows(app)))
        await pilot.press("c")
        assert isinstance(app.screen, ClassifyScreen)
        await until(pilot, lambda: "Ready" in text_of(app, "#state"))
        await pilot.press(*"apple juice and a pear peel on a plate, taste".replace(" ", "§"))
        area = app.screen.query_one(TextArea)
        area.text = area.text.replace("§", " ")
        await until(pilot, lambda: "  fruit Fruit ✓" in found(app))
        rows = found(app)
        assert rows.index("food Food ✓") < rows.index("  fruit Fruit ✓")
        await pilot.press("ctrl+l")
        await until(pilot, lambda: found(app) == [])
        await pilot.press("q", "?")
        assert area.text == "q?"
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MonitorScreen))


@pytest.mark.slow
async def test_classifying_without_any_model_says_so(still: Workspace) -> None:
    store = Store(still.database)
    with store.write():
        store.execute("UPDATE run_categories SET kept_trial_id = NULL")
    app = HTransApp(still)
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: bool(app.snapshot.runs))
        await pilot.press("c")
        await until(pilot, lambda: "no category of run" in text_of(app, "#state"))


async def test_help_lists_every_action_and_closes(still: Workspace) -> None:
    app = HTransApp(still)
    async with app.run_test(size=(100, 50)) as pilot:
        await until(pilot, lambda: bool(app.snapshot.runs))
        await pilot.press("question_mark")
        assert isinstance(app.screen, HelpScreen)
        console = Console(width=120)
        with console.capture() as capture:
            console.print(keys_table({}, "app"))
        shown = capture.get()
        assert all(action.description in shown for action in ACTIONS)
        await pilot.press("escape")
        assert isinstance(app.screen, RunsScreen)


def test_every_action_of_the_registry_exists() -> None:
    owners: dict[Scope, type[object]] = {
        "app": HTransApp,
        "runs": RunsScreen,
        "monitor": MonitorScreen,
        "predictions": PredictionsScreen,
        "compare": CompareScreen,
        "log": LogScreen,
        "classify": ClassifyScreen,
    }
    for action in ACTIONS:
        assert callable(getattr(owners[action.scope], f"action_{action.name}", None)), action
    for scope in owners:
        keys = [key for key, _ in keys_in(scope, {})]
        assert len(set(keys)) == len(keys), scope


async def test_the_command_palette_offers_the_screens_actions(still: Workspace) -> None:
    app = HTransApp(still)
    async with app.run_test() as pilot:
        await until(pilot, lambda: bool(app.snapshot.runs))
        commands = {command.title for command in app.get_system_commands(app.screen)}
        assert {"Open", "Pause", "Classify", "Compare"} <= commands


@pytest.mark.slow
async def test_markup_in_names_and_events_is_shown_as_text(tmp_path: Path) -> None:
    taxonomy = (
        "parent\tid\tname\n\tanimals\t[red]A\x1b[1m[/red]\nanimals\tcats\t[/]\n"
        "animals\tdogs\tDogs\n\tfood\tFood\nfood\tfruit\tF\nfood\tbread\tB\nfood\tunused\tU\n"
    )
    app = HTransApp(still_life(tmp_path, taxonomy))
    async with app.run_test(size=(160, 40)) as pilot:
        await open_monitor(app, pilot)
        assert "[red]A␛[1m[/red]" in tree_rows(app)[0]
        assert "[/]" in tree_rows(app)[1]
        await until(pilot, lambda: "[red]A" in text_of(app, "#category-title"))
        await pilot.press("d", "d", "d")
        alerts = app.screen.query_one(AlertList)
        await until(pilot, lambda: alerts.option_count > 0)
        shown = [str(option.prompt) for option in alerts.options]
        assert any("[bold]killed[/bold]" in line for line in shown)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(80, 24), (40, 10), (20, 5), (200, 60)])
async def test_every_screen_survives_every_size(trained: Trained, size: tuple[int, int]) -> None:
    app = HTransApp(trained.workspace, "small")
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: isinstance(app.screen, MonitorScreen) and bool(tree_rows(app)))
        await pilot.press("d", "d", "d", "c", "a", "escape", "question_mark", "escape", "escape")
        assert isinstance(app.screen, RunsScreen)
        await pilot.resize_terminal(120, 40)
        await pilot.press("enter")
        await pilot.resize_terminal(*size)
        await until(pilot, lambda: isinstance(app.screen, MonitorScreen) and bool(tree_rows(app)))


@pytest.mark.slow
@pytest.mark.parametrize("size", [(80, 24), (140, 45)])
async def test_every_tab_is_drawn_without_colour(
    still: Workspace, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = HTransApp(still)
    async with app.run_test(size=size) as pilot:
        await open_monitor(app, pilot)
        await until(pilot, lambda: "1★" in text_of(app, "#training-title"))
        for key in ("d", "d", "d", "d", "s", "m", "question_mark"):
            await pilot.press(key)
            await pilot.pause(0.1)
        assert app.no_color
        assert isinstance(app.screen, HelpScreen)


async def test_narrow_terminals_stack_and_wide_ones_place_beside(still: Workspace) -> None:
    app = HTransApp(still)
    async with app.run_test(size=(80, 24)) as pilot:
        await open_monitor(app, pilot)
        tree, details = app.screen.query_one("#taxonomy"), app.screen.query_one("#details")
        assert tree.region.bottom <= details.region.y
        assert tree.size.height >= 6
        await pilot.resize_terminal(140, 40)
        await pilot.pause()
        assert tree.region.right <= details.region.x
        titles = text_of(app, "#column-titles")
        assert titles.split() == ["pos", "loss", "weight", "F1", "test"]


@pytest.mark.slow
async def test_a_silent_worker_is_shown_as_silent(still: Workspace) -> None:
    store = Store(still.database)
    with store.write():
        trial = store.value("SELECT id FROM trials WHERE state = 'running'")
        worker = store.execute(
            "INSERT INTO workers (pid, process_started, device, state, trial_id, heartbeat, "
            "started_at) VALUES (1, 0, 'cpu', 'training', ?, 0, 0)",
            (trial,),
        ).lastrowid
        store.execute("UPDATE trials SET owner = ? WHERE id = ?", (worker, trial))
    app = HTransApp(still)
    async with app.run_test(size=(120, 40)) as pilot:
        await open_monitor(app, pilot)
        assert "silent for" in tree_rows(app)[1]
        assert "silent for" in str(app.screen.query_one(WorkerLines).render())


async def test_the_poller_ends_with_the_app(still: Workspace) -> None:
    app = HTransApp(still)
    async with app.run_test() as pilot:
        await until(pilot, lambda: bool(app.snapshot.runs))
    assert "poller" not in {thread.name for thread in threading.enumerate()}
