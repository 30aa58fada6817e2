"""import and corpora, as they are called."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.errors import HTransError
from core.formats.corpus import FORMATS
from core.formats.taxonomy import FORMATS as TAXONOMY_FORMATS
from core.formats.taxonomy import PATHS
from core.workspace import Workspace
from db.connection import Store
from db.corpora import corpus_named, taxonomy_of, unfinished_corpora
from tests.faults.mode import FULL
from tests.support.command_line import error_of, htrans, htrans_json
from tests.support.corpus_contents import everything
from tests.support.messages import tells
from tests.support.small_corpus import TAXONOMY, documents
from tests.support.waiting import until


@pytest.fixture
def table(tmp_path: Path) -> str:
    """A table with fields, separator and names of its own."""
    path = tmp_path / "news.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["head", "body", "topics", "more", "day", "key"])
        for i in range(20):
            day = f"2020-01-{i + 1:02}"
            writer.writerow([f"Tide {i}", "low, today", "0|1", "2" if i % 2 else "", day, f"n{i}"])
    (tmp_path / "names.txt").write_text("animals\ncats\nfood\n", encoding="utf-8")
    (tmp_path / "taxonomy.tsv").write_text(TAXONOMY, encoding="utf-8")
    return str(path)


FIELDS = (
    *("--text-field", "head", "--text-field", "body"),
    *("--label-field", "topics", "--label-field", "more", "--label-separator", "|"),
    *("--date-field", "day", "--id-field", "key"),
)


def test_a_look_without_a_document_shows_the_problem_and_no_empty_tables(
    workspace: Workspace, table: str, tmp_path: Path
) -> None:
    taxonomy = str(tmp_path / "taxonomy.tsv")
    result = htrans(workspace, "import", table, "--taxonomy", taxonomy, "--dry-run")
    assert result.returncode == 1
    assert result.stdout == ""
    assert tells(result.stderr, "news.csv", '"text"', "missing")


def test_a_look_says_that_the_split_was_drawn_unless_that_was_asked_for(
    workspace: Workspace, tmp_path: Path
) -> None:
    source, taxonomy = tmp_path / "news.jsonl", tmp_path / "taxonomy.tsv"
    source.write_text('{"text": "purr", "labels": ["cats"]}\n' * 3, encoding="utf-8")
    taxonomy.write_text(TAXONOMY, encoding="utf-8")
    look = ("import", str(source), "--taxonomy", str(taxonomy), "--dry-run")
    assert tells(htrans(workspace, *look).stdout, "3 without", "drawn")
    assert "drawn" not in htrans(workspace, *look, "--test-fraction=0.5").stdout


def test_fields_separator_names_and_dates_are_those_asked_for(
    workspace: Workspace, tmp_path: Path, table: str
) -> None:
    result = htrans(
        workspace,
        *("import", table, "--name", "news", *FIELDS, "--test-from", "2020-01-16"),
        *("--label-file", str(tmp_path / "names.txt")),
        *("--taxonomy", str(tmp_path / "taxonomy.tsv"), "--min-positives", "3"),
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == "news: 15 training and 5 test documents, 3 categories on 2 levels\n"
    assert tells(result.stderr, "4 of 7 categories", "3 training documents")
    store = Store(workspace.database)
    corpus = corpus_named(store, "news")
    rows = store.rows("SELECT key, split, text FROM documents ORDER BY number")
    assert [row["key"] for row in rows] == [f"n{i}" for i in range(20)]
    assert [row["split"] for row in rows] == ["train"] * 15 + ["test"] * 5
    assert rows[3]["text"] == "Tide 3\n\nlow, today"
    assert [c.id for c in taxonomy_of(store, corpus.id)] == ["animals", "cats", "food"]


def test_json_says_what_was_imported(workspace: Workspace, table: str) -> None:
    made = htrans_json(workspace, "import", table, "--name", "news", *FIELDS)
    [listed] = htrans_json(workspace, "corpora")
    assert made == listed
    assert set(made) == {
        *("name", "language", "documents", "train", "test", "categories", "levels"),
    }


def test_a_dry_run_says_what_is_there_and_makes_no_workspace(tmp_path: Path, table: str) -> None:
    nowhere = Workspace(tmp_path / "nowhere")
    result = htrans(nowhere, "import", table, "--dry-run", *FIELDS)
    assert result.returncode == 0, result.stderr
    assert not nowhere.root.exists()
    shown = result.stdout
    assert "format     csv\n" in shown
    assert "taxonomy   paths: 3 categories on 1 level\n" in shown
    assert "documents  20: " in shown
    assert "labels     2.50 per document; 0 documents without labels\n" in shown
    found = htrans_json(nowhere, "import", table, "--dry-run", *FIELDS)
    assert found["records"] == 20
    assert {c["id"]: c["train"] + c["test"] for c in found["categories"]} == {
        "0": 20,
        "1": 20,
        "2": 10,
    }


def test_a_dry_run_with_problems_fails_and_tells_them(
    workspace: Workspace, tmp_path: Path, table: str
) -> None:
    result = htrans(
        workspace,
        "import",
        table,
        "--dry-run",
        "--taxonomy",
        str(tmp_path / "taxonomy.tsv"),
        *FIELDS,
    )
    assert result.returncode == 1
    *lines, last = result.stderr.splitlines()
    assert any(line.startswith("problem: 3 labels") for line in lines)
    assert tells(last, "1 problem")


def test_a_dry_run_tells_the_coverage_of_the_vectors(
    workspace: Workspace, tmp_path: Path, table: str
) -> None:
    vectors = tmp_path / "v.txt"
    vectors.write_text("tide 1 0\nlow 0 1\n", encoding="utf-8")
    assert htrans(workspace, "vectors", "add", str(vectors), "--name", "sea").returncode == 0
    shown = htrans(workspace, "import", table, "--dry-run", *FIELDS).stdout
    assert "vectors    sea: covers 2 words (8.3%), 40.0% of the tokens\n" in shown
    error = error_of(workspace, "import", table, "--dry-run", "--vectors", "none", *FIELDS)
    assert tells(error, "vectors", "'none'")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "code", "facts"),
    [
        ((), 2, ("--name",)),
        (("--name", "x", "--test-from", "soon"), 2, ("soon",)),
        (("--name", "x", "--test-fraction", "1.5"), 1, ("--test-fraction",)),
        (
            ("--name", "x", "--test-fraction", "0.5", "--test", "y.csv"),
            1,
            ("--test and --test-fraction",),
        ),
        (("--name", "x", "--text-field", "nobody"), 1, ('"nobody"', "missing", "head")),
        (("--name", "x", "--language", "zz"), 1, ("'zz'",)),
        (("--name", "x", "--label-file", "none.txt"), 1, ("none.txt",)),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    workspace: Workspace, table: str, options: tuple[str, ...], code: int, facts: tuple[str, ...]
) -> None:
    result = htrans(
        workspace, "import", table, *FIELDS[2:] if "nobody" in options else FIELDS, *options
    )
    assert result.returncode == code, result.stderr
    assert tells(result.stderr, *facts)
    assert "Traceback" not in result.stderr
    if workspace.database.exists():
        assert htrans_json(workspace, "corpora") == []


def test_a_corpus_goes_out_and_comes_in_by_the_command_that_is_told(
    workspace: Workspace, tmp_path: Path, table: str
) -> None:
    assert htrans(workspace, "import", table, "--name", "news", *FIELDS).returncode == 0
    out = tmp_path / "out folder"
    result = htrans(workspace, "corpora", "export", "news", str(out), "--taxonomy-format", "skos")
    assert (result.returncode, result.stdout) == (0, f"{out}\n")
    told = result.stderr.splitlines()[-1].removeprefix("import it with: htrans-tui ")
    cut = subprocess.run(
        ["bash", "-c", f"printf '%s\\0' {told.replace('NAME', 'again')}"],
        capture_output=True,
        text=True,
        check=True,
    )
    again = htrans(workspace, *cut.stdout.split("\0")[:-1])
    assert again.returncode == 0, again.stderr
    store = Store(workspace.database)
    assert everything(store, workspace, "again") == everything(store, workspace, "news")


def test_a_corpus_is_deleted_after_a_question(workspace: Workspace, table: str) -> None:
    assert htrans(workspace, "import", table, "--name", "news", *FIELDS).returncode == 0
    refused = htrans(workspace, "corpora", "delete", "news", input="n\n")
    assert refused.returncode == 1
    assert len(htrans_json(workspace, "corpora")) == 1
    assert htrans(workspace, "corpora", "delete", "news", "--yes").returncode == 0
    assert htrans_json(workspace, "corpora") == []
    assert not any((workspace.root / "corpora").iterdir())
    assert tells(error_of(workspace, "corpora", "delete", "news", "--yes"), "corpus", "'news'")


@pytest.fixture(scope="module")
def long_import(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], dict[str, object]]:
    """The command that imports some thousand documents, and what it makes when it is let be."""
    folder = tmp_path_factory.mktemp("long")
    path, edges = folder / "long.jsonl", folder / "taxonomy.tsv"
    made: list[Any] = documents(9_000)
    path.write_text("".join(json.dumps(r) + "\n" for r in made), encoding="utf-8")
    edges.write_text(TAXONOMY, encoding="utf-8")
    command = ["import", str(path), "--taxonomy", str(edges), "--processes", "2", "--name", "long"]
    workspace = Workspace(folder / "whole")
    assert htrans(workspace, *command).returncode == 0
    return command, everything(Store(workspace.database), workspace, "long")


def stopped_by(number: signal.Signals, workspace: Workspace, command: list[str]) -> str:
    """Start an import and stop it after its second chunk; what it said."""
    child = subprocess.Popen(
        [sys.executable, "-m", "htrans_tui", *command],
        env={**os.environ, "HTRANS_WORKSPACE": str(workspace.root)},
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: _records_read(workspace) >= 1500 or child.poll() is not None, 60)
    child.send_signal(number)
    _, said = child.communicate(timeout=30)
    assert child.returncode != 0
    return said


def _records_read(workspace: Workspace) -> int:
    with contextlib.suppress(HTransError):
        for unfinished in unfinished_corpora(Store(workspace.database, read_only=True)):
            if unfinished.progress is not None:
                return int(json.loads(unfinished.progress)["report"]["read"])
    return 0


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT] if FULL else [signal.SIGKILL])
def test_a_stopped_import_goes_on_by_the_same_command(
    workspace: Workspace,
    long_import: tuple[list[str], dict[str, object]],
    number: signal.Signals,
) -> None:
    command, expected = long_import
    said = stopped_by(number, workspace, command)
    assert "Traceback" not in said
    if number == signal.SIGINT:
        assert said.splitlines()[-1].startswith("error: interrupted")
    listed = htrans(workspace, "corpora")
    assert tells(listed.stderr, "long", "unfinished")
    assert "long" not in listed.stdout
    result = htrans(workspace, *command)
    assert result.returncode == 0, result.stderr
    assert "resumed after " in result.stderr
    assert everything(Store(workspace.database), workspace, "long") == expected


def test_help_names_every_format(workspace: Workspace) -> None:
    shown = " ".join(htrans(workspace, "import", "--help").stdout.split())
    for name in (*FORMATS, *TAXONOMY_FORMATS, PATHS):
        assert name in shown, name
