"""An import that was stopped goes on, and makes the corpus that it would have made."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from core.engine.ingest import corpora
from core.engine.ingest.corpora import import_corpus
from core.engine.ingest.import_plan import ImportRequest
from core.engine.ingest.taxonomy_choice import choose_taxonomy
from core.errors import ConflictError, InputError
from core.formats.corpus import reading
from core.progress import Count
from core.workspace import Workspace
from db.connection import Store
from db.corpora import corpus_named, list_corpora, unfinished_corpora
from tests.support.corpus_contents import everything
from tests.support.dead_process import dead_process
from tests.support.small_corpus import TAXONOMY, documents

NUMBER = 95


def request(folder: Path, name: str = "pets", number: int = NUMBER) -> ImportRequest:
    """A corpus in which some documents have no words, no labels or no split."""
    made = documents(number)
    made[7]["text"] = ""
    made[8]["labels"] = ["cats", "nobody knows"]
    for record in made[20:60]:
        record["split"] = None
    path, edges = folder / "corpus.jsonl", folder / "taxonomy.tsv"
    if not path.exists():
        path.write_text("".join(json.dumps(r) + "\n" for r in made), encoding="utf-8")
        edges.write_text(TAXONOMY, encoding="utf-8")
    return ImportRequest(
        name, (str(path),), taxonomy=edges, unknown_labels="drop", processes=1, max_words=9
    )


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "CHUNK", 10)


def interrupt_after(chunks: int) -> Count:
    def progress(read: int) -> None:
        nonlocal chunks
        chunks -= 1
        if not chunks:
            raise KeyboardInterrupt

    return progress


def abandon(store: Store) -> None:
    """Make the unfinished import one of a process that is gone."""
    pid, started = dead_process()
    with store.write():
        store.execute(
            "UPDATE corpora SET importer_pid = ?, importer_started = ? WHERE state = 'importing'",
            (pid, started),
        )


@pytest.mark.parametrize("chunks", [1, 2, 5, 9])
def test_interrupted_import_goes_on_and_makes_the_same_corpus(
    store: Store, workspace: Workspace, tmp_path: Path, chunks: int
) -> None:
    _, whole = import_corpus(store, workspace, request(tmp_path, "whole"))
    with pytest.raises(KeyboardInterrupt):
        import_corpus(store, workspace, request(tmp_path), interrupt_after(chunks))
    assert [corpus.name for corpus in list_corpora(store)] == ["whole"]
    abandon(store)
    seen: list[int] = []
    _, report = import_corpus(store, workspace, request(tmp_path), seen.append)
    assert report.resumed == seen[0] == 10 * chunks
    assert everything(store, workspace, "pets") == everything(store, workspace, "whole")
    assert report.notes[0].startswith(f"the interrupted import was resumed after {seen[0]} ")
    assert report.notes[1:] == whole.notes
    assert replace(report, resumed=0, notes=[]) == replace(whole, notes=[])


@pytest.mark.slow
def test_it_goes_on_after_being_stopped_again_and_again(
    store: Store, workspace: Workspace, tmp_path: Path
) -> None:
    import_corpus(store, workspace, request(tmp_path, "whole"))
    for _ in range(5):
        with pytest.raises(KeyboardInterrupt):
            import_corpus(store, workspace, request(tmp_path), interrupt_after(2))
        abandon(store)
    import_corpus(store, workspace, request(tmp_path))
    assert everything(store, workspace, "pets") == everything(store, workspace, "whole")


def test_what_was_written_beyond_the_last_chunk_is_cut_off(
    store: Store, workspace: Workspace, tmp_path: Path
) -> None:
    import_corpus(store, workspace, request(tmp_path, "whole"))
    with pytest.raises(KeyboardInterrupt):
        import_corpus(store, workspace, request(tmp_path), interrupt_after(3))
    abandon(store)
    [unfinished] = unfinished_corpora(store)
    partial = list(workspace.corpus(unfinished.id).rglob("*.partial"))
    assert len(partial) == 5
    for path in partial:
        with path.open("ab") as file:
            file.write(b"half a line")
    import_corpus(store, workspace, request(tmp_path))
    assert everything(store, workspace, "pets") == everything(store, workspace, "whole")


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["tokens.bin", "ends.bin", "words.jsonl", "hashes-train"])
@pytest.mark.parametrize("gone", [True, False])
def test_files_that_a_power_cut_shortened_make_it_begin_anew(
    store: Store, workspace: Workspace, tmp_path: Path, damage: str, gone: bool
) -> None:
    import_corpus(store, workspace, request(tmp_path, "whole"))
    with pytest.raises(KeyboardInterrupt):
        import_corpus(store, workspace, request(tmp_path), interrupt_after(3))
    abandon(store)
    [unfinished] = unfinished_corpora(store)
    [path] = workspace.corpus(unfinished.id).rglob(f"{damage}.partial")
    if gone:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-3])
    _, report = import_corpus(store, workspace, request(tmp_path))
    assert report.resumed == 0
    assert everything(store, workspace, "pets") == everything(store, workspace, "whole")
    assert not workspace.corpus(unfinished.id).exists()


@pytest.mark.slow
def test_changed_files_and_other_options_begin_anew(
    store: Store, workspace: Workspace, tmp_path: Path
) -> None:
    for change in ("documents", "option"):
        asked = request(tmp_path, change)
        with pytest.raises(KeyboardInterrupt):
            import_corpus(store, workspace, asked, interrupt_after(3))
        abandon(store)
        if change == "documents":
            (tmp_path / "corpus.jsonl").unlink()
            asked = request(tmp_path, change, NUMBER + 1)
        else:
            asked = replace(asked, max_words=5)
        _, report = import_corpus(store, workspace, asked)
        assert report.resumed == 0
        assert corpus_named(store, change).documents == NUMBER + 1
    assert unfinished_corpora(store) == []


@pytest.mark.slow
def test_other_processes_make_no_difference(
    store: Store, workspace: Workspace, tmp_path: Path
) -> None:
    import_corpus(store, workspace, request(tmp_path, "whole"))
    with pytest.raises(KeyboardInterrupt):
        import_corpus(store, workspace, request(tmp_path), interrupt_after(2))
    abandon(store)
    _, report = import_corpus(store, workspace, replace(request(tmp_path), processes=2))
    assert report.resumed == 20
    assert everything(store, workspace, "pets") == everything(store, workspace, "whole")


def test_an_error_later_on_leaves_nothing_even_after_going_on(
    store: Store, workspace: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "corpus.jsonl"
    asked = request(tmp_path)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"text": "no labels"}\n')
    with pytest.raises(KeyboardInterrupt):
        import_corpus(store, workspace, asked, interrupt_after(3))
    abandon(store)
    with pytest.raises(InputError, match=f"line {NUMBER + 1}"):
        import_corpus(store, workspace, asked)
    assert unfinished_corpora(store) == []
    assert not any((workspace.root / "corpora").iterdir())


def test_only_one_of_two_goes_on(
    store: Store, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KeyboardInterrupt):
        import_corpus(store, workspace, request(tmp_path), interrupt_after(3))
    abandon(store)

    def overtaken(*arguments: object, **options: object) -> object:
        with store.write():
            store.execute("UPDATE corpora SET importer_pid = importer_pid + 1")
        return choose_taxonomy(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(corpora, "choose_taxonomy", overtaken)
    with pytest.raises(ConflictError, match="another process is resuming"):
        import_corpus(store, workspace, request(tmp_path))
    assert len(unfinished_corpora(store)) == 1
