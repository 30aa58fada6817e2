"""`vectors add` and `vectors list` as a user calls them."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from core.workspace import Workspace
from tests.support.command_line import error_of, htrans, htrans_json
from tests.support.glove_files import GLOVE, SHORTER, zipped
from tests.support.loaded_modules import HEAVY, loaded_by
from tests.support.messages import tells
from tests.support.waiting import until

FIELDS = ["id", "name", "source", "words", "dimensions"]


def test_table_of_an_archive_is_chosen_by_its_dimensions(
    workspace: Workspace, tmp_path: Path
) -> None:
    archive = str(zipped(tmp_path, {"glove.2d.txt": SHORTER, "glove.3d.txt": GLOVE}))
    error = error_of(workspace, "vectors", "add", archive, "--name", "glove")
    assert tells(error, "--dimensions", "glove.2d.txt (2", "glove.3d.txt (3")
    result = htrans(workspace, "vectors", "add", archive, "--name", "glove", "--dimensions", "3")
    assert result.returncode == 0, result.stderr
    assert result.stdout == "glove: 3 words, 3 dimensions, format glove\n"
    assert result.stderr == ""
    listed = htrans_json(workspace, "vectors", "list")
    assert listed == [dict(zip(FIELDS, [1, "glove", "glove.6B.zip (glove)", 3, 3], strict=True))]
    shown = htrans(workspace, "vectors", "list").stdout
    assert shown.splitlines()[1].split() == ["glove", "glove.6B.zip", "(glove)", "3", "3"]


def test_words_with_capitals_are_worth_a_line(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "words.vec"
    path.write_text("4 2\nTide 1 2\nTIDE 3 4\ntide 5 6\ngull 7 8\n")
    result = htrans(workspace, "vectors", "add", str(path), "--name", "fast", "--format=word2vec")
    assert result.stdout == "fast: 4 words, 2 dimensions, format word2vec\n"
    [note] = result.stderr.splitlines()
    assert tells(note, "2 words", "capitals")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["missing.txt"], ("missing.txt", "no such file", "spaCy")),
        (["bad.txt"], ("bad.txt, line 2", "1 numbers", "line 1")),
        (["bad.txt", "--format", "fast"], ("'fast'", "glove", "word2vec", "npm")),
        (["bad.txt", "--format", "npm"], ("bad.txt", "not JSON")),
        (["bad.txt", "--dimensions", "9"], ("2 dimensions", "9", "--dimensions")),
    ],
)
def test_bad_requests_are_one_clear_line(
    workspace: Workspace, tmp_path: Path, arguments: list[str], expected: tuple[str, ...]
) -> None:
    (tmp_path / "bad.txt").write_text("tide 1 2\ngull 1\n")
    file, *others = arguments
    path = file if file.startswith("missing") else str(tmp_path / file)
    error = error_of(workspace, "vectors", "add", path, "--name", "v", *others)
    assert tells(error, *expected)
    assert htrans_json(workspace, "vectors", "list") == []


def test_dimensions_below_one_are_wrong_usage(workspace: Workspace) -> None:
    result = htrans(workspace, "vectors", "add", "a", "--name", "b", "--dimensions", "0")
    assert result.returncode == 2


def test_killed_command_leaves_nothing_that_the_next_does_not_remove(
    workspace: Workspace, tmp_path: Path
) -> None:
    pipe = tmp_path / "endless.txt"
    os.mkfifo(pipe)
    command = ["vectors", "add", str(pipe), "--name", "half", "--format", "glove"]
    process = subprocess.Popen(
        [sys.executable, "-m", "htrans_tui", *command],
        env={**os.environ, "HTRANS_WORKSPACE": str(workspace.root)},
    )
    folder = workspace.root / "vectors"
    with pipe.open("wb") as file:
        file.write("".join(f"w{i} 1 2\n" for i in range(5_000)).encode())
        file.flush()
        until(lambda: any(folder.rglob("*.partial")), 30)
        process.kill()
        process.wait()
    left = [path.name for path in folder.iterdir()]
    assert left == [f".partial-{process.pid}"]
    assert htrans_json(workspace, "vectors", "list") == []
    path = zipped(tmp_path, {"glove.txt": GLOVE}, method=zipfile.ZIP_STORED)
    assert htrans(workspace, "vectors", "add", str(path), "--name", "half").returncode == 0
    assert [path.name for path in folder.iterdir()] == ["0001"]


def test_command_loads_nothing_heavy_for_a_text_file() -> None:
    loaded = loaded_by("htrans_tui.cli.vectors", "core.engine.ingest.vectors")
    assert loaded.isdisjoint({*HEAVY, "ijson"})
