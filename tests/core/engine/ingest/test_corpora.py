"""Importing a corpus: whole, or nothing of it."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from core.corpus.documents import held_out
from core.engine.host.identity import own_identity
from core.engine.ingest.corpora import (
    delete_corpus_named,
    import_corpus,
    remove_abandoned_imports,
)
from core.engine.ingest.import_plan import ImportRequest
from core.errors import ConflictError, HTransError, InputError
from core.text.token_arrays import TokenArrays
from core.text.vocabulary import Vocabulary
from core.workspace import Workspace
from db.connection import Store
from db.corpora import (
    add_categories,
    add_documents,
    begin_corpus,
    corpus_named,
    document_numbers,
    list_corpora,
    taxonomy_of,
    texts,
    unfinished_corpora,
)
from tests.support.builders import PARENTS, contents, import_small_corpus, taxonomy
from tests.support.dead_process import dead_process
from tests.support.small_corpus import TAXONOMY, documents


def document(key: str, text: str, *labels: str, split: str | None = "train") -> dict[str, Any]:
    return {"id": key, "text": text, "labels": labels, "split": split}


def write(path: Path, records: Sequence[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return str(path)


def request_for(folder: Path, records: Sequence[dict[str, Any]], **changes: Any) -> ImportRequest:
    """A request to import `records` with the taxonomy of the small corpus."""
    edges = folder / "taxonomy.tsv"
    edges.write_text(TAXONOMY, encoding="utf-8")
    source = write(folder / "corpus.jsonl", records)
    return ImportRequest("pets", (source,), **{"taxonomy": edges, **changes})


def labels_of(store: Store, name: str) -> dict[str, dict[str, bool]]:
    """For each document the categories that it is in, and whether the source states them."""
    rows = store.rows(
        "SELECT d.key AS document, c.key AS category, l.stated FROM document_categories l "
        "JOIN categories c ON c.id = l.category_id JOIN corpora k ON k.id = c.corpus_id "
        "JOIN documents d ON d.corpus_id = c.corpus_id AND d.number = l.number WHERE k.name = ?",
        (name,),
    )
    found: dict[str, dict[str, bool]] = {}
    for row in rows:
        found.setdefault(row["document"], {})[row["category"]] = bool(row["stated"])
    return found


def splits_of(store: Store) -> dict[str, str]:
    return {row["key"]: row["split"] for row in store.rows("SELECT key, split FROM documents")}


def nothing_is_left(store: Store, workspace: Workspace) -> bool:
    """No row of any corpus in any table, and no file of one."""
    tables = ("corpora", "categories", "documents", "document_categories")
    there = contents(store)
    folder = workspace.root / "corpora"
    return not any(there[table] for table in tables) and not (
        folder.exists() and any(folder.iterdir())
    )


def begin(store: Store, workspace: Workspace, name: str, importer: tuple[int, float]) -> Path:
    """What an import that is under way has written so far; its folder."""
    corpus_id = begin_corpus(store, name, "en", "jsonl", "edges", 100, importer)
    with store.write():
        rows = add_categories(store, corpus_id, taxonomy(PARENTS))
        add_documents(store, corpus_id, [(0, "d0", "train", "purr")], [(rows["cats"], 0, 1)])
    folder = workspace.corpus(corpus_id)
    (folder / "tokens-100").mkdir(parents=True)
    (folder / "tokens-100" / "tokens.bin.partial").write_bytes(b"1234")
    return folder


def test_corpus_is_imported_with_its_documents_and_counts(
    store: Store, workspace: Workspace, tmp_path: Path
) -> None:
    corpus = import_small_corpus(store, workspace, tmp_path, number=40)
    written = documents(40)
    assert corpus == corpus_named(store, "small")
    assert (corpus.documents, corpus.train, corpus.test) == (40, 30, 10)
    assert (corpus.categories, corpus.levels) == (7, 2)
    assert list(texts(store, corpus.id)) == [record["text"] for record in written]
    assert splits_of(store) == {str(record["id"]): record["split"] for record in written}
    assert document_numbers(store, corpus.id, "test") == list(range(3, 40, 4))
    assert {c.id: c.parent for c in taxonomy_of(store, corpus.id)} == PARENTS


def test_report_counts_what_was_read(store: Store, workspace: Workspace, tmp_path: Path) -> None:
    records = [
        document("a", "purr", "cats"),
        document("b", "bark", split="test"),
        document("c", "loaf", "bread"),
    ]
    seen: list[int] = []
    _, report = import_corpus(store, workspace, request_for(tmp_path, records), seen.append)
    assert (report.format, report.taxonomy) == ("jsonl", "edges")
    assert (report.read, report.train, report.test, report.without_labels) == (3, 2, 1, 1)
    assert report.notes == ["documents without a label: 1, negatives of every category"]
    assert seen == [3]


def test_labels_are_closed_upward_and_stated_ones_are_marked(
    store: Store, workspace: Workspace, tmp_path: Path
) -> None:
    records = [
        document("one", "purr", "cats"),
        document("both", "purr fur", "animals", "cats"),
        document("two", "bark loaf", "dogs", "bread"),
        document("none", "today"),
    ]
    import_corpus(store, workspace, request_for(tmp_path, records))
    assert labels_of(store, "pets") == {
        "one": {"cats": True, "animals": False},
        "both": {"cats": True, "animals": True},
        "two": {"dogs": True, "animals": False, "bread": True, "food": False},
    }


def test_tokens_of_every_document_lie_in_the_workspace(
    store: Store, workspace: Workspace, tmp_path: Path
) -> None:
    records = [
        document("a", "The cat purrs, the dog barks.", "cats"),
        document("b", "  \n ", "dogs", split="test"),
        document("c", "Cat and dog", "dogs"),
    ]
    request = request_for(tmp_path, records, max_words=4)
    corpus, _ = import_corpus(store, workspace, request)
    folder = workspace.corpus(corpus.id) / "tokens-4"
    arrays, words = TokenArrays.open(folder), list(Vocabulary.load(folder / "vocabulary.json"))
    offsets = arrays.offsets.tolist()
    found = [
        [words[token] for token in arrays.tokens[start:end]] for start, end in pairwise(offsets)
    ]
    assert found == [["the", "cat", "purrs", ","], ["<unk>"], ["cat", "and", "dog"]]
    assert corpus.max_words == 4
    assert sorted(child.name for child in folder.iterdir()) == [
        "offsets.npy",
        "tokens.bin",
        "vocabulary.json",
    ]


def test_unknown_label_is_an_error_that_names_file_and_line_and_leaves_nothing(
    store: Store, workspace: Workspace, tmp_path: Path
) -> None:
    records = [document("a", "purr", "cats"), document("b", "chirp", "cats", "birds")]
    with pytest.raises(
        InputError, match=r"corpus\.jsonl, line 2: the label 'birds' is not in .*taxonomy\.tsv"
    ) as caught:
        import_corpus(store, workspace, request_for(tmp_path, records))
    assert "--unknown-labels drop or top-level" in str(caught.value)
    assert nothing_is_left(store, workspace)


def test_error_after_the_first_chunk_leaves_nothing(
    store: Store, workspace: Workspace, tmp_path: Path
) -> None:
    records = [document(f"d{i}", "purr", "cats") for i in range(600)]
    request = request_for(tmp_path, [*records, document("last", "chirp", "birds")])
    with pytest.raises(InputError, match="line 601"):
        import_corpus(store, workspace, request)
    assert nothing_is_left(store, workspace)


def test_numbers_of_documents_go_on_from_chunk_to_chunk(
    store: Store, workspace: Workspace, tmp_path: Path
) -> None:
    records = [
        document(f"d{i}", f"purr {i}", "cats", split="test" if i % 3 == 0 else "train")
        for i in range(600)
    ]
    corpus, _ = import_corpus(store, workspace, request_for(tmp_path, records))
    assert document_numbers(store, corpus.id, "test") == list(range(0, 600, 3))
    assert list(texts(store, corpus.id)) == [f"purr {i}" for i in range(600)]


def test_import_interrupted_before_anything_is_written_leaves_nothing(
    store: Store, workspace: Workspace, tmp_path: Path
) -> None:
    records = [document("a", "purr", "pets/cats")]
    request = request_for(tmp_path, records, taxonomy=None)

    def interrupt(read: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_corpus(store, workspace, request, interrupt)
    assert nothing_is_left(store, workspace)
    import_corpus(store, workspace, request)
    assert corpus_named(store, "pets").documents == 1


def test_failed_import_leaves_other_corpora_alone(
    store: Store, workspace: Workspace, tmp_path: Path
) -> None:
    other = import_small_corpus(store, workspace, tmp_path)
    before = labels_of(store, "small")
    with pytest.raises(InputError):
        import_corpus(store, workspace, request_for(tmp_path, [document("a", "chirp", "birds")]))
    assert list_corpora(store) == [other]
    assert labels_of(store, "small") == before
    TokenArrays.open(workspace.corpus(other.id) / "tokens-100")


def test_unknown_labels_are_dropped_on_demand(
    store: Store, workspace: Workspace, tmp_path: Path
) -> None:
    records = [
        document("a", "chirp purr", "birds", "cats"),
        document("b", "chirp", "birds"),
        document("c", "hiss", "snakes"),
    ]
    request = request_for(tmp_path, records, unknown_labels="drop")
    corpus, report = import_corpus(store, workspace, request)
    assert labels_of(store, "pets") == {"a": {"cats": True, "animals": False}}
    assert corpus.categories == 7
    assert report.dropped_labels == {"birds": 2, "snakes": 1}
    assert report.without_labels == 2
    assert any(re.search("2 .* 3 times.*: birds, snakes", note) for note in report.notes)


def test_unknown_labels_become_top_level_categories_on_demand(
    store: Store, workspace: Workspace, tmp_path: Path
) -> None:
    records = [document("a", "chirp purr", "birds", "cats"), document("b", "hiss", "snakes")]
    request = request_for(tmp_path, records, unknown_labels="top-level")
    corpus, report = import_corpus(store, workspace, request)
    found = {c.id: c.parent for c in taxonomy_of(store, corpus.id)}
    assert found == {**PARENTS, "birds": None, "snakes": None}
    assert labels_of(store, "pets")["a"] == {"birds": True, "cats": True, "animals": False}
    assert report.dropped_labels == {}
    assert report.notes == [
        "2 unknown labels became top-level categories",
        "no test documents: test metrics will be missing",
    ]


def test_unknown_labels_of_test_sources_become_categories_too(
    store: Store, workspace: Workspace, tmp_path: Path
) -> None:
    test = write(tmp_path / "test.jsonl", [document("b", "chirp", "birds")])
    request = request_for(
        tmp_path,
        [document("a", "purr", "cats")],
        unknown_labels="top-level",
        test_sources=(test,),
    )
    import_corpus(store, workspace, request)
    assert labels_of(store, "pets")["b"] == {"birds": True}


@pytest.mark.parametrize("apart", [1, 550])
def test_duplicate_id_is_an_error_that_names_its_line(
    store: Store, workspace: Workspace, tmp_path: Path, apart: int
) -> None:
    records = [document(f"d{i}", "purr", "cats") for i in range(apart)]
    request = request_for(tmp_path, [*records, document("d0", "bark", "dogs")])
    with pytest.raises(InputError, match=rf"line {apart + 1}: the document id 'd0' appears twice"):
        import_corpus(store, workspace, request)
    assert nothing_is_left(store, workspace)


def test_id_that_a_test_source_repeats_is_an_error(
    store: Store, workspace: Workspace, tmp_path: Path
) -> None:
    test = write(tmp_path / "test.jsonl", [document("a", "bark", "dogs")])
    request = request_for(tmp_path, [document("a", "purr", "cats")], test_sources=(test,))
    with pytest.raises(InputError, match=r"test\.jsonl, line 1: the document id 'a' appears twice"):
        import_corpus(store, workspace, request)
    assert nothing_is_left(store, workspace)


@pytest.mark.parametrize(
    ("records", "changes", "message"),
    [
        ([], {}, "there are no documents"),
        ([], {"taxonomy": None}, "no document has a label"),
        ([document("a", "x")], {"taxonomy": None}, "no document has a label"),
        (
            [document("a", "purr", "cats", split="test"), document("b", "x", split="test")],
            {},
            "none of 2 documents",
        ),
        ([document("a", "purr", "cats")], {"language": "zz"}, "no tokenizer for .*'zz'"),
        ([document("a", "purr", "cats")], {"format": "excel"}, "no corpus format 'excel'"),
        ([document("a", "purr", "cats")], {"sources": ()}, "name at least one source"),
        ([document("a", "purr", "cats")], {"sources": ("x.doc",)}, "x.doc: no such file"),
        ([document("a", "purr", "cats")], {"sources": ("no.jsonl",)}, "no.jsonl: no such file"),
        ([document("a", "purr", "cats")], {"name": " "}, "--name: give the corpus a name"),
        ([document("a", "purr", "cats")], {"name": "a\x1b[2J"}, "printable characters"),
        ([document("a", "purr", "cats")], {"unknown_labels": "keep"}, "error, drop, top-level"),
    ],
)
def test_what_cannot_be_imported_is_refused_and_leaves_nothing(
    store: Store,
    workspace: Workspace,
    tmp_path: Path,
    records: list[dict[str, Any]],
    changes: dict[str, Any],
    message: str,
) -> None:
    request = request_for(tmp_path, records)
    fields = {name: getattr(request, name) for name in ImportRequest.__slots__}
    with pytest.raises(HTransError, match=message):
        import_corpus(store, workspace, ImportRequest(**{**fields, **changes}))
    assert nothing_is_left(store, workspace)


def test_killed_import_is_swept_by_the_next_one_of_its_name_and_no_other(
    store: Store, workspace: Workspace, tmp_path: Path
) -> None:
    pets, kept = (begin(store, workspace, name, dead_process()) for name in ("pets", "other"))
    corpus, _ = import_corpus(
        store, workspace, request_for(tmp_path, [document("a", "purr", "cats")])
    )
    assert list_corpora(store) == [corpus]
    assert [unfinished.name for unfinished in unfinished_corpora(store)] == ["other"]
    assert splits_of(store) == {"a": "train", "d0": "train"}
    assert kept.exists()
    assert not pets.exists()
    delete_corpus_named(store, workspace, "other")
    assert unfinished_corpora(store) == []
    assert not kept.exists()


def test_import_of_a_pid_that_another_process_has_by_now_is_swept(
    store: Store, workspace: Workspace
) -> None:
    pid, started = own_identity()
    begin(store, workspace, "pets", (pid, started - 3600))
    remove_abandoned_imports(store, workspace)
    assert nothing_is_left(store, workspace)


def test_import_that_is_under_way_is_not_swept_and_keeps_its_name(
    store: Store, workspace: Workspace, tmp_path: Path
) -> None:
    folder = begin(store, workspace, "pets", own_identity())
    before = contents(store)
    with pytest.raises(ConflictError, match=rf"pets: process {own_identity()[0]} "):
        import_corpus(store, workspace, request_for(tmp_path, [document("a", "purr", "cats")]))
    with pytest.raises(ConflictError, match=str(own_identity()[0])):
        delete_corpus_named(store, workspace, "pets")
    assert contents(store) == before
    assert (folder / "tokens-100" / "tokens.bin.partial").exists()


def test_name_in_use_is_refused_and_the_first_corpus_stays(
    store: Store, workspace: Workspace, tmp_path: Path
) -> None:
    request = request_for(tmp_path, [document("a", "purr", "cats")])
    corpus, _ = import_corpus(store, workspace, request)
    before = contents(store)
    with pytest.raises(ConflictError, match="'pets' already"):
        import_corpus(store, workspace, request)
    assert contents(store) == before
    assert len(TokenArrays.open(workspace.corpus(corpus.id) / "tokens-100")) == 1


def test_documents_of_test_sources_are_for_test_and_the_others_for_training(
    store: Store, workspace: Workspace, tmp_path: Path
) -> None:
    test = write(
        tmp_path / "test.jsonl",
        [document("t0", "bark", "dogs", split=None), document("t1", "bark", "dogs")],
    )
    records = [document(f"d{i}", "purr", "cats", split=None) for i in range(20)]
    records.append(document("x", "purr", "cats", split="test"))
    request = request_for(tmp_path, records, test_sources=(test,))
    corpus, report = import_corpus(store, workspace, request)
    splits = splits_of(store)
    assert {key for key, split in splits.items() if split == "test"} == {"x", "t0", "t1"}
    assert (corpus.train, corpus.test, report.read) == (20, 3, 23)
    assert report.notes == [
        "test documents with the text of a training document: 1, such as x; metrics on them "
        "are optimistically biased",
        "documents with the same text as another document of their split: 19 training, 1 test",
    ]


def test_a_fifth_is_held_out_by_id_where_no_split_is_stated(
    store: Store, workspace: Workspace, tmp_path: Path
) -> None:
    records = [document(f"d{i}", "purr", "cats", split=None) for i in range(200)]
    corpus, report = import_corpus(store, workspace, request_for(tmp_path, records))
    expected = {f"d{i}": "test" if held_out(f"d{i}", 0.2) else "train" for i in range(200)}
    assert splits_of(store) == expected
    assert 20 <= corpus.test <= 60
    assert report.notes[0] == (
        "documents without a split: 200; test documents were drawn by id "
        "(options: --split-field, --test-fraction)"
    )


def test_labels_that_are_paths_make_their_own_taxonomy(
    store: Store, workspace: Workspace, tmp_path: Path
) -> None:
    records = [document("a", "purr", "pets/cats"), document("b", "bark", "pets/dogs", split="test")]
    corpus, report = import_corpus(store, workspace, request_for(tmp_path, records, taxonomy=None))
    found = {c.id: (c.parent, c.name) for c in taxonomy_of(store, corpus.id)}
    assert found == {
        "pets": (None, "pets"),
        "pets/cats": ("pets", "cats"),
        "pets/dogs": ("pets", "dogs"),
    }
    assert labels_of(store, "pets")["b"] == {"pets/dogs": True, "pets": False}
    assert report.notes == ["no taxonomy file: inferred 3 categories on 2 levels from the labels"]


def test_text_with_a_lone_surrogate_is_imported_with_a_replacement_mark(
    store: Store, workspace: Workspace, tmp_path: Path
) -> None:
    records = [document("a", "cats purr \ud800 softly", "cats"), document("b", "bark", "dogs")]
    corpus, _ = import_corpus(store, workspace, request_for(tmp_path, records))
    assert list(texts(store, corpus.id)) == ["cats purr ? softly", "bark"]
    folder = workspace.corpus(corpus.id) / "tokens-100"
    assert set(Vocabulary.load(folder / "vocabulary.json")) >= {"purr", "softly", "bark"}


@pytest.mark.parametrize(
    "record", [document("a\ud800", "purr", "cats"), document("a", "purr", "cats", "x\ud800")]
)
def test_surrogates_in_ids_and_labels_are_no_traceback(
    store: Store, workspace: Workspace, tmp_path: Path, record: dict[str, Any]
) -> None:
    request = request_for(tmp_path, [record], unknown_labels="top-level")
    imported = False
    with contextlib.suppress(HTransError):
        import_corpus(store, workspace, request)
        imported = True
    assert imported != nothing_is_left(store, workspace)


def test_deletion_that_is_broken_off_leaves_no_corpus_that_looks_ready(
    store: Store, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = import_small_corpus(store, workspace, tmp_path)

    def broken_off(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("core.engine.ingest.corpora.delete_corpus", broken_off)
        with pytest.raises(KeyboardInterrupt):
            delete_corpus_named(store, workspace, corpus.name)
    assert list_corpora(store) == []
    assert [unfinished.name for unfinished in unfinished_corpora(store)] == [corpus.name]
    delete_corpus_named(store, workspace, corpus.name)
    assert nothing_is_left(store, workspace)
