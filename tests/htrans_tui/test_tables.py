"""Tables that commands print: as wide as they are in a file, cut to fit a terminal."""

from __future__ import annotations

import os
import shutil
import sys

import pytest
from rich.cells import cell_len

from htrans_tui.cli import output

HEADER = ("category", "state", "F1")
ROWS = [["ekman-surprise surprise (group)", "done", "0.424"], ["引き潮" * 9, "done", "1.000"]]


def printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int | None
) -> list[str]:
    if columns is not None:
        size = os.terminal_size((columns, 24))
        monkeypatch.setattr(shutil, "get_terminal_size", lambda: size)
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    output.print_table(HEADER, ROWS, "llr")
    return capsys.readouterr().out.splitlines()


def test_in_a_file_nothing_is_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = printed(capsys, monkeypatch, None)
    assert lines[1].startswith(ROWS[0][0])
    assert lines[2].startswith(ROWS[1][0])


@pytest.mark.parametrize("columns", [30, 37, 45])
def test_on_a_narrow_terminal_the_widest_column_is_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    lines = printed(capsys, monkeypatch, columns)
    assert max(map(cell_len, lines)) <= columns
    assert "…" in lines[2]
    assert [line.split()[-1] for line in lines] == ["F1", "0.424", "1.000"]
    assert len({cell_len(line) for line in lines}) == 1


@pytest.mark.parametrize("columns", [10, 20, 200])
def test_where_too_little_would_be_left_or_all_fits_nothing_is_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    assert "…" not in "".join(printed(capsys, monkeypatch, columns))
