"""Typed and pasted text, earlier texts, and runs side by side."""

from __future__ import annotations

import pytest
from textual.events import Paste
from textual.widgets import DataTable

from core.workspace import Workspace
from db.connection import Store
from db.run_categories import NewRunCategory
from db.runs import create_run, list_runs
from htrans_tui.app.app import HTransApp
from htrans_tui.app.screens.classify import ClassifyScreen, TextBox
from tests.support.pilot import found, text_of, until

TEXT = "apple juice and a pear peel on a plate, taste"


@pytest.mark.slow
async def test_the_words_that_count_follow_the_category_under_the_cursor(
    own_copy: Workspace,
) -> None:
    app = HTransApp(own_copy)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: bool(app.snapshot.runs))
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, ClassifyScreen))
        app.screen.query_one(TextBox).set_text(TEXT)
        await until(pilot, lambda: "words of fruit" in text_of(app, "#why-title"))
        assert text_of(app, "#words") == TEXT
        app.screen.query_one("#result", DataTable).focus()
        await pilot.press("up")
        await until(pilot, lambda: "words of food" in text_of(app, "#why-title"))


@pytest.mark.slow
async def test_runs_stand_side_by_side(own_copy: Workspace) -> None:
    store = Store(own_copy.database)
    run = list_runs(store)[0]
    create_run(
        store,
        name="untrained",
        corpus_id=run.corpus_id,
        corpus_name="small",
        vectors_id=None,
        system="htrans",
        settings=run.settings,
        seed=0,
        coverage=0.0,
        categories=[NewRunCategory("animals", 9, "ready")],
        class_weights=(1.0,),
    )
    app = HTransApp(own_copy)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: bool(app.snapshot.runs))
        app.open_classifier([run, list_runs(store)[0], run])
        await until(pilot, lambda: isinstance(app.screen, ClassifyScreen))
        assert "classify with small, untrained" in text_of(app, "#title")
        app.screen.query_one(TextBox).set_text(TEXT)
        await until(pilot, lambda: "untrained: no category of run" in text_of(app, "#state"))
        await until(pilot, lambda: "  fruit Fruit ✓" in found(app))


@pytest.mark.slow
async def test_earlier_texts_come_back(own_copy: Workspace) -> None:
    app = HTransApp(own_copy)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: bool(app.snapshot.runs))
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, ClassifyScreen))
        box = app.screen.query_one(TextBox)
        await pilot.press(*"one", "ctrl+l", *"two")
        await pilot.press("f3")
        assert box.full_text == "one"
        await pilot.press("f4")
        assert box.full_text == "two"
        await pilot.press("escape")
        await until(pilot, lambda: not isinstance(app.screen, ClassifyScreen))
        assert app.texts[-1] == "two"


@pytest.mark.slow
async def test_a_megabyte_without_a_space_is_read_and_freezes_nothing(own_copy: Workspace) -> None:
    app = HTransApp(own_copy)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: bool(app.snapshot.runs))
        await pilot.press("c")
        await until(pilot, lambda: isinstance(app.screen, ClassifyScreen))
        box = app.screen.query_one(TextBox)
        pasted = "[bold]x" + "(" * 1_000_000
        await pilot.press(*"meow")
        box.post_message(Paste(pasted))
        await until(pilot, lambda: "more characters" in text_of(app, "#state"))
        assert box.full_text == "meow" + pasted
        assert len(box.text) <= 5_000
        await until(pilot, lambda: len(found(app)) > 0)
        await pilot.press("ctrl+l")
        assert box.full_text == ""
