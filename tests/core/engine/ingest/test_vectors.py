"""Word vectors come into the workspace whole or not at all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.engine.host.identity import start_time
from core.engine.ingest.vectors import AddedVectors, add_vectors_file
from core.engine.maintenance.doctor import examine
from core.errors import ConflictError, HTransError, InputError
from core.text.vectors import WordVectors
from core.workspace import Workspace
from db.connection import Store
from db.vectors import Vectors, list_vectors

GONE = 4_000_000
"""More than any pid of these tests."""


@pytest.fixture
def glove(tmp_path: Path) -> str:
    path = tmp_path / "glove.txt"
    path.write_text("tide 1 2 3\ngull 4 5 6\nCod 7 8 9\n")
    return str(path)


@pytest.fixture
def neighbour() -> Iterator[int]:
    """The pid of another process that lives."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process.pid
    process.communicate(b"\n")


def left_by(workspace: Workspace, pid: int, owner: object = None) -> Path:
    """What a call of that process would leave when it is killed."""
    folder = workspace.root / "vectors" / f".partial-{pid}"
    folder.mkdir(parents=True)
    (folder / f".vectors.bin.{pid}.partial").write_bytes(b"1234")
    if owner is not None:
        (folder / "owner").write_text(json.dumps(owner))
    return folder


def folders(workspace: Workspace) -> set[str]:
    return {path.name for path in (workspace.root / "vectors").glob("*")}


def test_file_is_stored_under_its_name_with_its_format(
    store: Store, workspace: Workspace, glove: str
) -> None:
    added = add_vectors_file(store, workspace, glove, "tiny")
    assert added == AddedVectors(Vectors(1, "tiny", "glove.txt (glove)", 3, 3), "glove", 1)
    assert list_vectors(store) == [added.vectors]
    assert len(WordVectors(workspace.vectors(1), 3)) == 3
    assert {path.name for path in workspace.vectors(1).iterdir()} == {"vectors.bin", "words.json"}
    assert folders(workspace) == {"0001"}


def test_format_and_dimensions_can_be_named(store: Store, workspace: Workspace, glove: str) -> None:
    with pytest.raises(InputError, match='whose first line is "count dimensions"'):
        add_vectors_file(store, workspace, glove, "a", format_name="word2vec")
    with pytest.raises(InputError, match="vectors of 3 dimensions, not 50"):
        add_vectors_file(store, workspace, glove, "a", dimensions=50)
    assert (
        add_vectors_file(
            store, workspace, glove, "a", format_name="glove", dimensions=3
        ).vectors.words
        == 3
    )


@pytest.mark.parametrize("content", ["tide 1 2\ngull 1\n", "tide 1 2\ngull 1 nan\n", ""])
def test_broken_file_leaves_nothing(
    store: Store, workspace: Workspace, glove: str, content: str
) -> None:
    Path(glove).write_text(content)
    with pytest.raises(HTransError):
        add_vectors_file(store, workspace, glove, "tiny")
    assert list_vectors(store) == []
    assert folders(workspace) == set()


def test_interruption_leaves_nothing(store: Store, workspace: Workspace, glove: str) -> None:
    def interrupt(words: int) -> None:
        raise KeyboardInterrupt

    Path(glove).write_text("".join(f"w{i} 1 2\n" for i in range(10_001)))
    with pytest.raises(KeyboardInterrupt):
        add_vectors_file(store, workspace, glove, "tiny", progress=interrupt)
    assert list_vectors(store) == []
    assert folders(workspace) == set()


def test_used_and_unprintable_names_are_refused_before_anything_is_read(
    store: Store, workspace: Workspace, glove: str
) -> None:
    add_vectors_file(store, workspace, glove, "tiny")
    with pytest.raises(ConflictError, match="vectors 'tiny' already"):
        add_vectors_file(store, workspace, "missing.txt", "tiny")
    for name in ("", " ", "a\nb", "\x1b[31m", "\udc80"):
        with pytest.raises(HTransError, match="--name: give the vectors a name of printable"):
            add_vectors_file(store, workspace, "missing.txt", name)


def test_name_of_a_file_that_is_no_text_is_recorded_readably(
    store: Store, workspace: Workspace, glove: str
) -> None:
    strange = Path(os.fsdecode(os.fsencode(glove).replace(b"glove", b"gl\xf6ve")))
    Path(glove).rename(strange)
    assert add_vectors_file(store, workspace, str(strange), "a").vectors.source == (
        "gl?ve.txt (glove)"
    )


def test_what_a_killed_call_left_is_removed_by_the_next(
    store: Store, workspace: Workspace, glove: str, neighbour: int
) -> None:
    started = start_time(neighbour)
    assert started is not None
    kept = left_by(workspace, neighbour, (neighbour, started))
    left_by(workspace, GONE, (GONE, started))
    left_by(workspace, GONE + 1)
    left_by(workspace, GONE + 2, "owner")
    left_by(workspace, GONE + 3, (neighbour, started - 5))
    left_by(workspace, os.getpid(), (os.getpid(), 1.0))
    foreign = workspace.root / "vectors" / ".partial-mine"
    foreign.mkdir()
    add_vectors_file(store, workspace, glove, "tiny")
    assert folders(workspace) == {"0001", kept.name, foreign.name}


def test_what_a_living_process_has_only_begun_is_kept(
    store: Store, workspace: Workspace, glove: str, neighbour: int
) -> None:
    kept = left_by(workspace, neighbour)
    add_vectors_file(store, workspace, glove, "tiny")
    assert folders(workspace) == {"0001", kept.name}


def test_added_vectors_are_whole_to_the_doctor(
    store: Store, workspace: Workspace, glove: str
) -> None:
    add_vectors_file(store, workspace, glove, "tiny")
    store.close()
    assert examine(workspace).problems == ()
