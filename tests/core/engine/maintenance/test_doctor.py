"""Every kind of damage is found and named; a repair loses nothing that a row refers to."""

from __future__ import annotations

import fcntl
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import torch

from core.engine.artifacts.run_files import checkpoints_of
from core.engine.host.identity import own_identity
from core.engine.ingest.vectors import add_vectors_file
from core.engine.maintenance.doctor import Examination, examine
from core.engine.maintenance.issues import Issue
from core.engine.maintenance.machine import disk_notes, sqlite_notes
from core.errors import HTransError
from core.workspace import Workspace
from db.connection import Store
from db.corpora import begin_corpus, corpus_named
from db.runs import run_with_id
from db.trials import Claim, trial_with_id
from db.workers import add_worker, configure_engine, present_workers, record_supervisor
from tests.support.builders import claim_next, record_run, start_worker
from tests.support.next_release import add_migration

A_DEAD_PROCESS = (4_000_000, 1.0)
TABLE = "artifacts/embeddings"
RUN = "artifacts/run-0001"


def named(findings: tuple[Issue, ...]) -> set[tuple[str, str]]:
    """Kind and subject of each finding that is no note."""
    return {(finding.kind, finding.subject) for finding in findings if not finding.is_note}


def problems(place: Workspace) -> set[tuple[str, str]]:
    return named(examine(place).left)


def the_problem(place: Workspace) -> Issue:
    """The only problem of a workspace."""
    found = examine(place).problems
    assert len(found) == 1, found
    return found[0]


def files(place: Workspace) -> dict[str, bytes]:
    """Every file below artifacts/, corpora/ and vectors/ with its content."""
    return {
        str(path.relative_to(place.root)): path.read_bytes()
        for room in ("artifacts", "corpora", "vectors")
        for path in sorted((place.root / room).rglob("*"))
        if path.is_file()
    }


def write_old(path: Path, content: bytes = b"left") -> Path:
    """Write a file that nobody has touched for an hour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    for each in (path, *path.parents[:2]):
        os.utime(each, (time.time() - 3600,) * 2)
    return path


def a_kept_model(place: Workspace) -> str:
    store = Store(place.database)
    model = store.value(
        "SELECT t.model FROM trials t JOIN run_categories rc ON rc.kept_trial_id = t.id LIMIT 1"
    )
    store.close()
    return str(model)


class Unfinished(NamedTuple):
    """A second run one of whose trials is held by a worker, with two checkpoints."""

    claim: Claim
    newest: Path
    previous: Path


@pytest.fixture
def unfinished(own_copy: Workspace) -> Unfinished:
    store = Store(own_copy.database)
    run = record_run(store, corpus_named(store, "small"))
    claim = claim_next(store, start_worker(store, A_DEAD_PROCESS[0]))
    folder = own_copy.run(run.id)
    folder.mkdir()
    for epoch in (1, 2):
        checkpoints_of(folder, claim).save({"epoch": epoch, "x": torch.ones(9)}, claim.number)
    store.close()
    newest = next(folder.glob("*.resume"))
    return Unfinished(claim, newest, newest.with_name(f"{newest.name}.previous"))


def test_a_trained_workspace_has_no_problem(own_copy: Workspace) -> None:
    assert examine(own_copy).problems == ()


def test_examining_changes_no_file(own_copy: Workspace) -> None:
    write_old(own_copy.root / RUN / "c1-a1-w9.k000001.safetensors")
    before = files(own_copy)
    examine(own_copy)
    assert files(own_copy) == before


def test_a_missing_model_is_named_with_the_category_to_retrain(own_copy: Workspace) -> None:
    model = a_kept_model(own_copy)
    (own_copy.root / model).unlink()
    found = the_problem(own_copy)
    assert (found.kind, found.subject) == ("model", model)
    assert found.problem == "the file is missing"
    assert "htrans-tui retrain small animals" in found.remedy


def test_a_model_with_one_changed_byte_is_found(own_copy: Workspace) -> None:
    path = own_copy.root / a_kept_model(own_copy)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert "SHA-256" in the_problem(own_copy).problem


def test_a_missing_table_of_a_kept_model_is_found(own_copy: Workspace) -> None:
    table = sorted(own_copy.embeddings.iterdir())[0]
    table.unlink()
    assert problems(own_copy) == {("embeddings", f"{TABLE}/{table.name}")}


def test_a_table_with_the_content_of_another_is_found(own_copy: Workspace) -> None:
    one, other = sorted(own_copy.embeddings.iterdir())
    shutil.copy(other, one)
    assert problems(own_copy) == {("embeddings", f"{TABLE}/{one.name}")}


def test_tables_of_models_that_were_not_kept_may_be_gone(own_copy: Workspace) -> None:
    store = Store(own_copy.database, read_only=True)
    top = "rc.parent_id IS NULL AND t.model IS NOT NULL"
    models = store.value(
        "SELECT count(*) FROM trials t JOIN run_categories rc ON rc.id = t.run_category_id "
        f"WHERE {top}"
    )
    store.close()
    assert models == 4
    assert len(list(own_copy.embeddings.iterdir())) == 2
    assert problems(own_copy) == set()


@pytest.mark.parametrize("name", ["tokens.bin", "offsets.npy", "vocabulary.json"])
@pytest.mark.parametrize("damage", [Path.unlink, lambda path: os.truncate(path, 80)])
def test_damaged_token_arrays_are_found(
    own_copy: Workspace, name: str, damage: Callable[[Path], None]
) -> None:
    damage(own_copy.corpus(1) / "tokens-100" / name)
    assert problems(own_copy) == {("corpus", "corpora/0001/tokens-100")}


def test_token_arrays_of_another_corpus_are_found(own_copy: Workspace) -> None:
    store = Store(own_copy.database)
    with store.write():
        store.execute("UPDATE corpora SET documents = 241")
    store.close()
    assert "240 documents, but the corpus has 241" in the_problem(own_copy).problem


def test_tokens_outside_the_vocabulary_are_found(own_copy: Workspace) -> None:
    (own_copy.corpus(1) / "tokens-100" / "vocabulary.json").write_text('["one", "two"]')
    assert "not in its vocabulary" in the_problem(own_copy).problem


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "words.json").unlink(),
        lambda folder: (folder / "words.json").write_text('["a"]'),
        lambda folder: os.truncate(folder / "vectors.bin", 5),
        lambda folder: (folder / "vectors.bin").write_bytes(b""),
        shutil.rmtree,
    ],
)
def test_damaged_word_vectors_are_found(
    own_copy: Workspace, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    glove = tmp_path / "glove.txt"
    glove.write_text("fur 1 2 3\npaw 4 5 6\n")
    store = Store(own_copy.database)
    record = add_vectors_file(store, own_copy, str(glove), "tiny").vectors
    store.close()
    assert problems(own_copy) == set()
    damage(own_copy.vectors(record.id))
    assert problems(own_copy) == {("vectors", "vectors/0001")}


def test_a_damaged_checkpoint_is_removed_and_the_one_before_it_stays(
    own_copy: Workspace, unfinished: Unfinished
) -> None:
    os.truncate(unfinished.newest, 100)
    subject = str(unfinished.newest.relative_to(own_copy.root))
    assert ("checkpoint", subject) in problems(own_copy)
    assert ("checkpoint", subject) in named(examine(own_copy, fix=True).repaired)
    assert not unfinished.newest.exists()
    assert unfinished.previous.exists()
    assert problems(own_copy) == set()


def test_a_checkpoint_of_another_trial_is_found(
    own_copy: Workspace, unfinished: Unfinished
) -> None:
    other = unfinished.newest.with_name("c8-a1-w2.k000001.resume")
    shutil.copy(unfinished.newest, other)
    assert ("checkpoint", str(other.relative_to(own_copy.root))) in problems(own_copy)


def test_a_dead_worker_gives_its_trial_back_without_a_crash(
    own_copy: Workspace, unfinished: Unfinished
) -> None:
    assert [kind for kind, _ in problems(own_copy)] == ["worker"]
    assert [finding.kind for finding in examine(own_copy, fix=True).repaired] == ["worker"]
    store = Store(own_copy.database)
    trial = trial_with_id(store, unfinished.claim.trial_id)
    assert (trial.state, trial.crashes, present_workers(store)) == ("ready", 0, [])
    store.close()
    assert unfinished.newest.exists()
    assert problems(own_copy) == set()


def test_a_trial_of_a_worker_that_is_entered_as_ended_is_given_back(
    own_copy: Workspace, unfinished: Unfinished
) -> None:
    store = Store(own_copy.database)
    with store.write():
        store.execute("UPDATE workers SET state = 'ended'")
    assert [finding.kind for finding in examine(own_copy, fix=True).repaired] == ["worker"]
    assert trial_with_id(store, unfinished.claim.trial_id).state == "ready"
    store.close()


def test_an_import_of_a_dead_process_is_removed_and_a_living_one_is_not(
    own_copy: Workspace,
) -> None:
    store = Store(own_copy.database)
    folders = []
    for name, importer in (("dead", A_DEAD_PROCESS), ("alive", own_identity())):
        corpus = begin_corpus(store, name, "en", "jsonl", "edges", 100, importer)
        folders.append(own_copy.corpus(corpus))
        write_old(folders[-1] / "tokens-100" / "tokens.bin.partial")
    assert problems(own_copy) == {("import", "dead")}
    assert named(examine(own_copy, fix=True).repaired) == {("import", "dead")}
    assert [folder.exists() for folder in folders] == [False, True]
    assert [row["name"] for row in store.rows("SELECT name FROM corpora ORDER BY id")] == [
        "small",
        "alive",
    ]
    store.close()
    assert problems(own_copy) == set()


ORPHANS = [
    (f"{RUN}/c1-a1-w9.k000001.safetensors", "a model without a trial"),
    (f"{RUN}/c1-a1-w1.k000001.resume", "a checkpoint without an unfinished trial"),
    (f"{RUN}/c1-a1-w1.k000001.resume.previous", "a checkpoint without an unfinished trial"),
    (f"{RUN}/c1-t999.test-scores.npy", "scores of a trial that does not exist"),
    (f"{RUN}/c1-a1-w1.k000001.resume.corrupt", "a damaged file that was set aside"),
    (f"{RUN}/.c1-t1.test-scores.npy.4000000.partial", "left behind by a process"),
    (f"{TABLE}/{'0' * 64}.safetensors", "an embedding table that no model refers to"),
    ("corpora/0001/tokens-100/tokens.bin.partial", "left behind by a process"),
    ("corpora/0001/.tokens-200-4000000/tokens.bin.partial", "left behind by a process"),
    ("corpora/0009/tokens-100/tokens.bin", "files of a corpus that does not exist"),
    ("artifacts/run-0009/c99-a1-w1.k000001.safetensors", "files of a run that does not exist"),
    ("vectors/0009/words.json", "files of a table of word vectors that does not exist"),
    ("vectors/.partial-4000000/words.json", "left behind by a process"),
]


@pytest.mark.parametrize(("path", "what"), ORPHANS)
def test_an_orphan_is_named_and_mending_removes_it_and_nothing_else(
    own_copy: Workspace, path: str, what: str
) -> None:
    before = files(own_copy)
    write_old(own_copy.root / path)
    assert what in the_problem(own_copy).problem
    assert len(examine(own_copy, fix=True).repaired) == 1
    assert files(own_copy) == before
    assert problems(own_copy) == set()


@pytest.mark.parametrize("path", [path for path, _ in ORPHANS])
def test_an_orphan_younger_than_ten_minutes_is_left_alone(own_copy: Workspace, path: str) -> None:
    young = write_old(own_copy.root / path)
    os.utime(young, (time.time() - 540,) * 2)
    assert examine(own_copy, fix=True).repaired == ()
    assert young.exists()


@pytest.mark.parametrize(
    "path",
    [
        f"{RUN}/.c1-t1.test-scores.npy.{{pid}}.partial",
        "corpora/0001/.tokens-200-{pid}/tokens.bin.partial",
        "vectors/.partial-{pid}/words.json",
    ],
)
def test_what_a_living_process_writes_is_left_alone(own_copy: Workspace, path: str) -> None:
    written = write_old(own_copy.root / path.format(pid=os.getpid()))
    assert examine(own_copy, fix=True).repaired == ()
    assert written.exists()


@pytest.mark.parametrize("path", [f"{RUN}/notes.txt", "corpora/mine/a.txt", "vectors/glove.txt"])
def test_a_foreign_file_is_noted_and_never_removed(own_copy: Workspace, path: str) -> None:
    foreign = write_old(own_copy.root / path)
    found = examine(own_copy, fix=True)
    assert (found.problems, found.repaired) == ((), ())
    assert any("not a file of htrans-tui" in note.problem for note in found.left)
    assert foreign.exists()


def test_no_table_is_removed_while_models_cannot_say_which_is_theirs(own_copy: Workspace) -> None:
    for model in own_copy.run(1).glob("*.safetensors"):
        model.write_bytes(b"damaged")
    tables = sorted(own_copy.embeddings.iterdir())
    for table in tables:
        os.utime(table, (time.time() - 3600,) * 2)
    examine(own_copy, fix=True)
    assert sorted(own_copy.embeddings.iterdir()) == tables


def test_a_second_run_keeps_its_files_when_everything_else_is_mended(
    own_copy: Workspace, unfinished: Unfinished
) -> None:
    for path in sorted(own_copy.root.rglob("*")):
        os.utime(path, (time.time() - 3600,) * 2)
    before = files(own_copy)
    for orphan, _ in ORPHANS:
        write_old(own_copy.root / orphan)
    assert len(examine(own_copy, fix=True).repaired) > 10
    assert files(own_copy) == before


def repaired_with_two_faults(own_copy: Workspace, store: Store) -> Examination:
    """Mend a workspace with a dead import and an orphan."""
    begin_corpus(store, "dead", "en", "jsonl", "edges", 100, A_DEAD_PROCESS)
    write_old(own_copy.root / RUN / "c1-a1-w9.k000001.safetensors")
    return examine(own_copy, fix=True)


def test_beside_a_living_supervisor_only_dead_imports_are_mended(own_copy: Workspace) -> None:
    store = Store(own_copy.database)
    configure_engine(store, "cpu", 1, 1)
    record_supervisor(store, *own_identity())
    found = repaired_with_two_faults(own_copy, store)
    store.close()
    assert named(found.repaired) == {("import", "dead")}
    assert [(f.kind, f.fixable) for f in found.problems] == [("orphan", False)]
    assert "htrans-tui engine stop" in found.problems[0].remedy


def test_beside_a_living_worker_without_supervisor_nothing_is_removed(own_copy: Workspace) -> None:
    store = Store(own_copy.database)
    add_worker(store, *own_identity(), "cpu")
    found = repaired_with_two_faults(own_copy, store)
    store.close()
    assert named(found.repaired) == {("import", "dead")}


def test_nothing_is_removed_while_a_supervisor_starts_and_holds_the_lock(
    own_copy: Workspace,
) -> None:
    store = Store(own_copy.database)
    with own_copy.supervisor_lock.open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = repaired_with_two_faults(own_copy, store)
    store.close()
    assert named(found.repaired) == {("import", "dead")}
    assert [finding.kind for finding in found.problems] == ["orphan"]


def test_what_is_no_database_is_named(own_copy: Workspace) -> None:
    for path in own_copy.root.glob("htrans.db*"):
        path.unlink()
    own_copy.database.write_bytes(b"no database at all" * 100)
    found = the_problem(own_copy)
    assert (found.kind, found.subject) == ("database", "htrans.db")
    assert "restore a backup" in found.remedy


def test_a_damaged_index_is_found(own_copy: Workspace) -> None:
    store = Store(own_copy.database)
    store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    page_size = store.value("PRAGMA page_size")
    page = store.value("SELECT rootpage FROM sqlite_master WHERE name = 'trials_state'")
    store.close()
    with own_copy.database.open("r+b") as file:
        file.seek((page - 1) * page_size + page_size - 8)
        file.write(b"\xff" * 8)
    assert {finding.kind for finding in examine(own_copy).problems} == {"database"}


def test_a_row_that_refers_to_no_row_is_found(own_copy: Workspace) -> None:
    connection = sqlite3.connect(own_copy.database)
    connection.execute("INSERT INTO epochs SELECT 9999, 9999, 1, 1, 1, 1, 1, 1, 1")
    connection.commit()
    connection.close()
    found = the_problem(own_copy)
    assert found.subject == "epochs row 9999"
    assert "trials" in found.problem


def test_an_older_schema_is_named_and_mending_brings_it_up_to_date(
    own_copy: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_migration(monkeypatch)
    assert problems(own_copy) == {("schema", "htrans.db")}
    assert [finding.kind for finding in examine(own_copy, fix=True).repaired] == ["schema"]
    assert problems(own_copy) == set()


def test_a_newer_schema_is_named_and_left_as_it_is(own_copy: Workspace) -> None:
    store = Store(own_copy.database)
    with store.write():
        store.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) "
            "VALUES ('htrans', 'invent_time_travel', '2099-01-01')"
        )
    store.close()
    found = examine(own_copy, fix=True)
    assert [(f.kind, f.remedy) for f in found.problems] == [("schema", "upgrade htrans-tui")]
    assert found.repaired == ()


def test_a_file_that_cannot_be_removed_is_an_error_of_one_line(
    own_copy: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    orphan = write_old(own_copy.root / RUN / "c1-a1-w9.k000001.safetensors")
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(HTransError, match=rf"{orphan.name}: cannot be removed \(Permission"):
        examine(own_copy, fix=True)


def test_the_run_of_a_dead_worker_goes_on(own_copy: Workspace, unfinished: Unfinished) -> None:
    examine(own_copy, fix=True)
    store = Store(own_copy.database)
    assert run_with_id(store, unfinished.claim.run_id).state == "running"
    again = claim_next(store, start_worker(store))
    assert (again.trial_id, again.number) == (unfinished.claim.trial_id, 2)
    store.close()


@pytest.mark.parametrize(
    ("version", "notes"), [((3, 40, 1), 1), ((3, 51, 2), 1), ((3, 51, 3), 0), ((3, 53, 0), 0)]
)
def test_sqlite_with_the_wal_reset_fault_is_only_noted(
    version: tuple[int, int, int], notes: int
) -> None:
    found = sqlite_notes(version)
    assert [note.is_note for note in found] == [True] * notes


@pytest.mark.parametrize(
    ("gib_free", "gib_total", "notes"), [(50, 100, 0), (0.9, 4, 1), (4, 100, 1), (6, 100, 0)]
)
def test_a_disk_that_is_nearly_full_is_noted(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    gib_free: float,
    gib_total: float,
    notes: int,
) -> None:
    class Usage(NamedTuple):
        total: float
        free: float

    usage = Usage(gib_total * 2**30, gib_free * 2**30)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert len(disk_notes(tmp_path)) == notes
