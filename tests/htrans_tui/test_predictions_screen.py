"""A category's errors, its threshold and its words, by keys."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from rich.text import Text
from textual.pilot import Pilot
from textual.widgets import Input, Static

from core.engine.artifacts.document_index import open_index
from core.engine.artifacts.run_files import scores_path
from core.workspace import Workspace
from db.connection import Store
from db.run_categories import RunCategory, run_categories
from db.runs import Run, run_named
from db.thresholds import record_threshold, set_threshold
from htrans_tui.app.app import HTransApp
from htrans_tui.app.screens.dialogs import ChoiceDialog
from htrans_tui.app.screens.monitor import MonitorScreen
from htrans_tui.app.screens.predictions import PredictionsScreen
from htrans_tui.app.widgets.category_table import CategoryTable
from htrans_tui.app.widgets.document_list import MARK, DocumentList
from htrans_tui.app.widgets.shaded_text import MAX_CHARACTERS, shaded
from tests.support.builders import category_of
from tests.support.pilot import notifications, text_of, until, write_to, written

SIZE = (140, 45)


class At:
    """The predictions of a category, and what the numbers must be."""

    def __init__(self, workspace: Workspace, key: str) -> None:
        store = Store(workspace.database)
        self.workspace = workspace
        self.run: Run = run_named(store, "small")
        self.category: RunCategory = category_of(store, self.run, key)
        store.close()
        index = open_index(workspace, self.run.corpus_id)
        assert index is not None
        assert self.category.kept_trial_id is not None
        folder = workspace.run(self.run.id)
        path = scores_path(folder, self.category.id, self.category.kept_trial_id, "test")
        self.scores = np.load(path)
        self.is_label = np.isin(index.test, index.positives(self.category.category_id))

    def counts(self, least: float) -> str:
        """TP, FP and FN as the screen says them."""
        accepted = self.scores >= least
        tp, fp = (accepted & self.is_label).sum(), (accepted & ~self.is_label).sum()
        return f"TP {tp}  FP {fp}  FN {(~accepted & self.is_label).sum()}"


async def opened(app: HTransApp, pilot: Pilot[None], key: str) -> PredictionsScreen:
    """Go to a category of the run `small` and inspect it."""
    await until(pilot, lambda: isinstance(app.screen, MonitorScreen))
    await until(pilot, lambda: app.snapshot.details is not None)
    status = app.snapshot.status
    assert status is not None
    chosen = next(category.id for category in status.categories if category.key == key)
    app.screen.query_one(CategoryTable).move_cursor_to(chosen)
    await pilot.press("i")
    await until(pilot, lambda: isinstance(app.screen, PredictionsScreen))
    await until(pilot, lambda: "TP" in text_of(app, "#metrics"))
    assert isinstance(app.screen, PredictionsScreen)
    return app.screen


def listed(app: HTransApp) -> list[str]:
    found = app.screen.query_one(DocumentList)
    return [found.line(number) for number in range(len(found.documents))]


@pytest.mark.slow
async def test_errors_are_listed_by_confidence_with_the_measures_of_evaluation(
    own_copy: Workspace,
) -> None:
    at = At(own_copy, "fruit")
    app = HTransApp(own_copy, "small")
    async with app.run_test(size=SIZE) as pilot:
        await opened(app, pilot, "fruit")
        assert at.counts(0.5) in text_of(app, "#metrics")
        for kind, wanted in (
            ("false positives", (at.scores >= 0.5) & ~at.is_label),
            ("false negatives", (at.scores < 0.5) & at.is_label),
            ("true positives", (at.scores >= 0.5) & at.is_label),
        ):
            assert f"{wanted.sum()} {kind}" in text_of(app, "#kind")
            shown = [float(line.split()[0]) for line in listed(app)]
            assert len(shown) == wanted.sum()
            assert shown == sorted(shown, reverse=kind != "false negatives")
            await pilot.press("o")
            assert [float(line.split()[0]) for line in listed(app)] == shown[::-1]
            await pilot.press("o", "d")


@pytest.mark.slow
async def test_a_look_begins_with_the_first_kind_that_has_documents(own_copy: Workspace) -> None:
    at = At(own_copy, "fruit")
    assert at.is_label.any()
    store = Store(own_copy.database)
    assert at.category.kept_trial_id is not None
    with store.write():
        record_threshold(store, at.category.kept_trial_id, at.category.id, 1.0, "test")
    store.close()
    app = HTransApp(own_copy, "small")
    async with app.run_test(size=SIZE) as pilot:
        await opened(app, pilot, "fruit")
        assert f"{at.is_label.sum()} false negatives" in text_of(app, "#kind")


@pytest.mark.slow
async def test_the_words_are_shaded_and_other_labels_named(own_copy: Workspace) -> None:
    app = HTransApp(own_copy, "small")
    async with app.run_test(size=SIZE) as pilot:
        await opened(app, pilot, "fruit")
        await pilot.press("d", "d")
        shown = app.screen.query_one("#text-shown", Static)
        await until(pilot, lambda: bool(shown.render().spans))  # type: ignore[union-attr]
        labels = text_of(app, "#labels")
        assert "is fruit" in labels
        assert "✓ food" in labels or "✗ food" in labels
        first = text_of(app, "#labels")
        await pilot.press("down")
        await until(pilot, lambda: text_of(app, "#labels") != first)


@pytest.mark.slow
async def test_a_threshold_is_tried_saved_and_taken_back(own_copy: Workspace) -> None:
    at = At(own_copy, "fruit")
    store = Store(own_copy.database)
    trial = at.category.kept_trial_id
    assert trial is not None
    measure = "SELECT tp, fp, fn FROM measures WHERE run_category_id = ? AND split = 'test'"
    usual = tuple(store.rows(measure, (at.category.id,))[0])
    app = HTransApp(own_copy, "small")
    async with app.run_test(size=SIZE) as pilot:
        await opened(app, pilot, "fruit")
        await pilot.press("right_square_bracket", "right_square_bracket")
        assert "threshold 0.520" in text_of(app, "#metrics")
        assert "threshold 0.520, active 0.500" in text_of(app, "#metrics")
        await pilot.press("left_square_bracket")
        assert at.counts(0.51) in text_of(app, "#metrics")
        await pilot.press("t")
        app.screen.query_one(Input).value = "0,9"
        await pilot.press("enter")
        await until(pilot, lambda: at.counts(0.9) in text_of(app, "#metrics"))
        assert set_threshold(store, trial, at.category.id) is None
        await pilot.press("S")
        await until(pilot, lambda: set_threshold(store, trial, at.category.id) is not None)
        await until(pilot, lambda: "set by hand on test" in text_of(app, "#metrics"))
        assert "optimistic" in written(app)
        counts = at.counts(0.9)
        assert counts == "TP {}  FP {}  FN {}".format(*store.rows(measure, (at.category.id,))[0])
        await pilot.press("U")
        await until(pilot, lambda: set_threshold(store, trial, at.category.id) is None)
        await until(pilot, lambda: at.counts(0.5) in text_of(app, "#metrics"))
        assert tuple(store.rows(measure, (at.category.id,))[0]) == usual


@pytest.mark.slow
async def test_one_document_more_or_less_and_the_best_f1(own_copy: Workspace) -> None:
    at = At(own_copy, "fruit")
    app = HTransApp(own_copy, "small")
    async with app.run_test(size=SIZE) as pilot:
        await opened(app, pilot, "fruit")
        accepted = int((at.scores >= 0.5).sum())
        below = at.scores[at.scores < 0.5].max()
        await pilot.press("left_curly_bracket")
        assert at.counts(float(below)) in text_of(app, "#metrics")
        await pilot.press("right_curly_bracket")
        assert f"TP {(at.is_label & (at.scores > below)).sum()}" in text_of(app, "#metrics")
        assert accepted
        await pilot.press("b")
        said = text_of(app, "#curve-title")
        best = said.split("best F1 ")[1].split()[0]
        assert f"F1 {best}" in text_of(app, "#metrics")
        await pilot.press("t")
        app.screen.query_one(Input).value = "seven"
        await pilot.press("enter")
        await until(pilot, lambda: "from 0 to 1" in written(app))


@pytest.mark.slow
async def test_documents_are_searched_and_the_list_written(
    own_copy: Workspace, tmp_path: Path
) -> None:
    app = HTransApp(own_copy, "small")
    async with app.run_test(size=SIZE) as pilot:
        await opened(app, pilot, "fruit")
        await pilot.press("d", "d")
        every = listed(app)
        word = every[0].split()[-1]
        await pilot.press("slash", *word, "enter")
        await until(pilot, lambda: f"of {len(every)} true positives" in text_of(app, "#kind"))
        found = listed(app)
        assert 0 < len(found) <= len(every)
        assert all(word in line for line in found)
        await pilot.press("w")
        path = tmp_path / "found.csv"
        await write_to(app, pilot, path)
        await until(pilot, path.exists)
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["kind"] for row in rows] == ["tp"] * len(found)
        await pilot.press("slash", *"zzzz", "enter")
        await until(pilot, lambda: listed(app) == [])
        await pilot.press("escape")
        await until(pilot, lambda: listed(app) == every)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MonitorScreen))


@pytest.mark.slow
async def test_suspicious_labels_are_marked_into_a_file(
    own_copy: Workspace, tmp_path: Path
) -> None:
    app = HTransApp(own_copy, "small")
    path = tmp_path / "suspicious.jsonl"
    path.write_text('{"id": "from before"}\n')
    async with app.run_test(size=SIZE) as pilot:
        await opened(app, pilot, "fruit")
        await pilot.press("d", "d", "space", "space")
        assert [line[0] for line in listed(app)[:3]] == [MARK, MARK, " "]
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, PredictionsScreen))
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, ChoiceDialog))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, PredictionsScreen))
        assert "test · " in text_of(app, "#title")
        assert [line[0] for line in listed(app)[:3]] == [MARK, MARK, " "]
        await pilot.press("M")
        await write_to(app, pilot, path)
        await until(pilot, lambda: not any(line.startswith(MARK) for line in listed(app)))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MonitorScreen))
    before, *records = [json.loads(line) for line in path.read_text().splitlines()]
    assert before == {"id": "from before"}
    assert [record["category"] for record in records] == ["fruit", "fruit"]
    assert all(record["is_label"] and record["probability"] >= 0.5 for record in records)


@pytest.mark.slow
async def test_validation_documents_are_scored_when_they_are_asked_for(own_copy: Workspace) -> None:
    app = HTransApp(own_copy, "small")
    async with app.run_test(size=SIZE) as pilot:
        await opened(app, pilot, "fruit")
        await pilot.press("s")
        await until(pilot, lambda: "validation · " in text_of(app, "#title"), 60)
        store = Store(own_copy.database)
        f1 = store.value(
            "SELECT t.f1 FROM trials t JOIN run_categories rc ON rc.kept_trial_id = t.id "
            "JOIN categories c ON c.id = rc.category_id WHERE c.key = 'fruit'"
        )
        assert f"F1 {f1:.3f}" in text_of(app, "#metrics")
        await pilot.press("s")
        await until(pilot, lambda: "test · " in text_of(app, "#title"))


@pytest.mark.slow
async def test_a_model_trained_meanwhile_is_shown(own_copy: Workspace) -> None:
    at = At(own_copy, "fruit")
    store = Store(own_copy.database)
    other = store.value(
        "SELECT id FROM trials WHERE run_category_id = ? AND id <> ? AND model IS NOT NULL",
        (at.category.id, at.category.kept_trial_id),
    )
    assert other is not None
    app = HTransApp(own_copy, "small")
    async with app.run_test(size=SIZE) as pilot:
        await opened(app, pilot, "fruit")
        with store.write():
            store.execute(
                "UPDATE run_categories SET kept_trial_id = ? WHERE id = ?", (other, at.category.id)
            )
        await until(pilot, lambda: any("was retrained" in n.message for n in notifications(app)))
        path = scores_path(own_copy.run(at.run.id), at.category.id, int(other), "test")
        await until(pilot, path.exists, 60)
        await until(pilot, lambda: "TP" in text_of(app, "#metrics"))


@pytest.mark.slow
async def test_only_watching_changes_no_threshold(own_copy: Workspace) -> None:
    app = HTransApp(own_copy, "small", read_only=True)
    async with app.run_test(size=SIZE) as pilot:
        screen = await opened(app, pilot, "fruit")
        assert screen.check_action("save_threshold", ()) is False
        await pilot.press("right_square_bracket", "S", "U")
        await pilot.pause(0.3)
    store = Store(own_copy.database)
    assert not store.rows("SELECT 1 FROM set_thresholds")


@pytest.mark.slow
async def test_a_category_without_a_model_says_so(own_copy: Workspace) -> None:
    store = Store(own_copy.database)
    with store.write():
        store.execute("UPDATE run_categories SET kept_trial_id = NULL")
    app = HTransApp(own_copy, "small")
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: app.snapshot.details is not None)
        await pilot.press("i")
        await until(pilot, lambda: "has no model yet" in written(app))
        assert isinstance(app.screen, MonitorScreen)
    assert run_categories(store, run_named(store, "small").id)


def test_whatever_is_in_a_text_is_shown_as_text() -> None:
    nasty = "[bold]a[/bold] \x1b[31mred\x1b[0m \u202eRTL"
    shown = shaded(nasty, [(0, 15), (16, 24)], [1.0, 0.5], ("#111111", "#222222", "#333333"))
    assert isinstance(shown, Text)
    assert shown.plain == "[bold]a[/bold] ␛[31mred␛[0m \\u202eRTL"
    long = shaded("x" * (MAX_CHARACTERS + 5), [], [], ("", "", ""))
    assert long.plain.endswith("… and 5 more characters")
    assert len(long.plain) < MAX_CHARACTERS + 50
