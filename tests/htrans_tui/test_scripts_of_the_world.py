"""Names in scripts that are wide, or run from right to left, or steer a terminal."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.cells import cell_len

from htrans_tui.app.app import HTransApp
from htrans_tui.app.widgets.category_table import CategoryTable
from tests.support.pilot import open_monitor, tree_rows, until
from tests.support.still_life import still_life

NAMES = {
    "animals": "动物和植物",
    "cats": "القطط والكلاب",
    "dogs": "犬と猫",
    "food": "भोजन",
    "fruit": "פירות\u202e",
    "bread": "빵 🍞",
    "unused": "e\u0301te\u0301",
}
PARENTS = {"cats": "animals", "dogs": "animals", "fruit": "food", "bread": "food", "unused": "food"}
TAXONOMY = "parent\tid\tname\n" + "".join(
    f"{PARENTS.get(key, '')}\t{key}\t{name}\n" for key, name in NAMES.items()
)


@pytest.mark.slow
async def test_names_of_every_script_are_shown_and_leave_the_columns_in_their_place(
    tmp_path: Path,
) -> None:
    app = HTransApp(still_life(tmp_path, TAXONOMY))
    async with app.run_test(size=(140, 40)) as pilot:
        await open_monitor(app, pilot)
        await until(pilot, lambda: len(tree_rows(app)) == 7)
        rows = tree_rows(app)
        for row, (key, name) in zip(rows, NAMES.items(), strict=True):
            shown = name.replace("\u202e", "\\u202e")  # which would turn the rest of the line round
            assert f"{key}  {shown}" in row or f"{key} {shown}" in row, row
        numbers = ["103", "61", "57", "98", "55", "52", "0"]
        ends = {
            cell_len(row[: row.index(f" {number} ") + 1 + len(number)])
            for row, number in zip(rows, numbers, strict=True)
        }
        assert len(ends) == 1, rows


@pytest.mark.slow
async def test_names_are_seen_however_deep_the_taxonomy_is(tmp_path: Path) -> None:
    keys = list(NAMES)
    chain = "parent\tid\tname\n" + "".join(
        f"{above}\t{key}\tName of {key}\n" for above, key in zip(["", *keys], keys, strict=False)
    )
    app = HTransApp(still_life(tmp_path, chain))
    async with app.run_test(size=(60, 24)) as pilot:
        await open_monitor(app, pilot)
        await until(pilot, lambda: len(tree_rows(app)) == 7)
        rows = tree_rows(app)
        assert all(key in row for row, key in zip(rows, keys, strict=True)), rows
        assert rows[1].startswith("  ▾")
        assert rows[6].split()[0] == "7", rows
        table = app.screen.query_one(CategoryTable)
        await pilot.click(table, offset=(rows[5].index("▾"), 5))
        await until(pilot, lambda: len(tree_rows(app)) == 6)
