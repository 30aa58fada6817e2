"""Marking runs and comparing them in the app, driven by keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import DataTable, Input

from core.workspace import Workspace
from db.connection import Store
from htrans_tui.app.app import HTransApp
from htrans_tui.app.screens.compare import CompareScreen
from htrans_tui.app.screens.runs import RunsScreen
from tests.support.builders import import_small_corpus, scored_run
from tests.support.pilot import notifications, text_of, until

SIZE = (120, 40)


@pytest.fixture
def two_runs(
    store: Store, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Workspace:
    """A workspace with the scored runs `worse` and, newer, `[b]better[/b]`."""
    monkeypatch.setattr("core.engine.runs.starting.ensure_supervisor", lambda store, place: None)
    import_small_corpus(store, workspace, tmp_path, number=240)
    scored_run(store, workspace, "small", "worse", "gru-att", 0.3)
    scored_run(store, workspace, "small", "[b]better[/b]", "htrans", 0.02)
    return workspace


def rows_of(app: HTransApp) -> list[list[str]]:
    table = app.screen.query_one("#comparison", DataTable)
    return [[str(cell) for cell in table.get_row_at(i)] for i in range(table.row_count)]


@pytest.mark.slow
async def test_marked_runs_are_compared_the_first_marked_is_the_baseline(
    two_runs: Workspace, tmp_path: Path
) -> None:
    app = HTransApp(two_runs)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: len(app.snapshot.runs) == 2)
        await pilot.press("v")
        assert isinstance(app.screen, RunsScreen), "there is nothing marked to compare"
        await pilot.press("down", "space", "up", "space")
        runs = app.screen.query_one("#runs", DataTable)
        assert [str(runs.get_row_at(i)[0]) for i in range(2)] == ["2▸[b]better[/b]", "1▸worse"]
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, CompareScreen))
        await until(pilot, lambda: "Best macro-F1: htrans" in text_of(app, "#advice"))
        assert "1/" in text_of(app, "#table-title")
        assert [row[0] for row in rows_of(app)] == ["gru-att", "htrans"]
        assert rows_of(app)[1][5].endswith("*"), "the difference is significant"
        while "Figure 2" not in text_of(app, "#table-title"):
            await pilot.press("d")
        assert all("█" in cell for cell in rows_of(app)[1][1:])
        while "F1 by category" not in text_of(app, "#table-title"):
            await pilot.press("d")
        columns = app.screen.query_one("#comparison", DataTable).columns.values()
        header = [str(column.label) for column in columns]
        assert header == ["category", "support", "worse", "[b]better[/b]"]
        page = tmp_path / "page.html"
        await pilot.press("w")
        await until(pilot, lambda: bool(app.screen.query(Input)))
        app.screen.query_one(Input).value = str(page)
        await pilot.press("enter")
        await until(pilot, lambda: any(n.title == "Saved" for n in notifications(app)))
        assert page.read_text().startswith("<!doctype html>")
        table = tmp_path / "table.csv"
        await pilot.press("w")
        await until(pilot, lambda: bool(app.screen.query(Input)))
        app.screen.query_one(Input).value = str(table)
        await pilot.press("enter")
        await until(pilot, table.exists)
        assert table.read_text().splitlines()[0] == "category,support,worse,[b]better[/b]"
        assert len(table.read_text().splitlines()) == 1 + len(rows_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))


@pytest.mark.slow
async def test_comparison_that_cannot_be_made_says_why(two_runs: Workspace) -> None:
    app = HTransApp(two_runs)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: len(app.snapshot.runs) == 2)
        app.open_comparison(["worse", "gone"])
        await until(pilot, lambda: isinstance(app.screen, CompareScreen))
        await until(pilot, lambda: "no run 'gone'" in text_of(app, "#advice"))
