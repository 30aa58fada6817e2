"""How a run was left is remembered by user, whatever becomes of the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import HTransError
from htrans_tui.app.view_state import MAX_RUNS, View, ViewState
from htrans_tui.app.widgets.category_columns import COLUMNS, saved_sort

DATABASE = Path("/somewhere/htrans.db")
LEFT = View("cats", ("animals",), "f1", True, "done", "history")


@pytest.fixture
def memory(tmp_path: Path) -> ViewState:
    return ViewState(tmp_path / "state" / "views.json")


def test_a_run_is_shown_as_it_was_left(memory: ViewState) -> None:
    assert memory.load(DATABASE, 1, 10.0) == View()
    memory.save(DATABASE, 1, 10.0, LEFT)
    assert memory.load(DATABASE, 1, 10.0) == LEFT
    assert memory.load(DATABASE, 2, 10.0) == View()
    assert memory.load(Path("/elsewhere/htrans.db"), 1, 10.0) == View()


def test_a_new_run_with_an_old_number_is_not_shown_as_the_old_one(memory: ViewState) -> None:
    memory.save(DATABASE, 1, 10.0, LEFT)
    assert memory.load(DATABASE, 1, 11.0) == View()


@pytest.mark.slow
def test_only_the_runs_left_last_are_remembered(memory: ViewState) -> None:
    for number in range(MAX_RUNS + 1):
        memory.save(DATABASE, number, 0.0, LEFT)
    assert memory.load(DATABASE, 0, 0.0) == View()
    assert memory.load(DATABASE, MAX_RUNS, 0.0) == LEFT


@pytest.mark.parametrize("content", ["", "{", "[]", '{"x": 3}'])
def test_a_damaged_file_is_made_anew(tmp_path: Path, content: str) -> None:
    path = tmp_path / "views.json"
    path.write_text(content)
    memory = ViewState(path)
    assert memory.load(DATABASE, 1, 0.0) == View()
    memory.save(DATABASE, 1, 0.0, LEFT)
    assert memory.load(DATABASE, 1, 0.0) == LEFT


def test_a_view_of_another_version_is_the_usual_one(tmp_path: Path) -> None:
    path = tmp_path / "views.json"
    path.write_text(f'{{"{DATABASE} 1 0.000": {{"zoom": 3}}}}')
    assert ViewState(path).load(DATABASE, 1, 0.0) == View()


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HTransError, match="is not saved"):
        ViewState(tmp_path / "file" / "views.json").save(DATABASE, 1, 0.0, LEFT)


@pytest.mark.parametrize("low_first", [True, False])
@pytest.mark.parametrize("column", [column.name for column in COLUMNS])
def test_every_order_is_found_again(column: str, low_first: bool) -> None:
    found = saved_sort(column, low_first)
    assert found is not None
    assert (found.column, found.low_first) == (column, low_first)


def test_an_order_by_a_column_that_is_no_more_is_the_tree() -> None:
    assert saved_sort("zoom", True) is None
    assert saved_sort(None, False) is None
