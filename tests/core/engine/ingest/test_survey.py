"""A look at a corpus before it is imported."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.engine.ingest import survey as survey_module
from core.engine.ingest.corpora import import_corpus
from core.engine.ingest.import_plan import ImportRequest
from core.engine.ingest.survey import survey_corpus
from core.errors import HTransError
from core.formats.corpus import reading
from core.formats.corpus.format import ReadingOptions
from core.text.vectors import store_vectors
from core.workspace import Workspace
from db.connection import Store
from db.corpora import training_positives
from tests.support.small_corpus import TAXONOMY, documents


def request(folder: Path, records: Sequence[dict[str, Any]], **changes: Any) -> ImportRequest:
    path, edges = folder / "corpus.jsonl", folder / "taxonomy.tsv"
    path.write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    edges.write_text(TAXONOMY, encoding="utf-8")
    asked = ImportRequest("pets", (str(path),), taxonomy=edges, processes=1)
    return replace(asked, **changes)


def test_it_sees_what_an_import_makes(store: Store, workspace: Workspace, tmp_path: Path) -> None:
    asked = request(tmp_path, documents(120))
    found = survey_corpus(asked)
    corpus, report = import_corpus(store, workspace, asked)
    assert (found.format, found.taxonomy) == (report.format, report.taxonomy) == ("jsonl", "edges")
    assert (found.records, found.train, found.test) == (120, corpus.train, corpus.test)
    assert (len(found.categories), found.levels) == (corpus.categories, corpus.levels)
    positives = {c.id: c.train for c in found.categories if c.train}
    assert positives == training_positives(store, corpus.id)
    assert found.without_labels == report.without_labels
    vocabulary = json.loads(
        (workspace.corpus(corpus.id) / "tokens-100" / "vocabulary.json").read_bytes()
    )
    assert found.words == len(vocabulary)
    assert found.problem_count == 0


def test_it_writes_nothing(tmp_path: Path) -> None:
    asked = request(tmp_path, documents(20))
    before = sorted(tmp_path.iterdir())
    survey_corpus(asked)
    assert sorted(tmp_path.iterdir()) == before


def test_positives_are_those_of_each_split_closed_upward(tmp_path: Path) -> None:
    records = [
        {"id": "a", "text": "purr", "labels": ["cats"], "split": "train"},
        {"id": "b", "text": "bark", "labels": ["dogs", "cats"], "split": "train"},
        {"id": "c", "text": "loaf", "labels": ["food"], "split": "test"},
        {"id": "d", "text": "fog", "labels": [], "split": "test"},
    ]
    found = survey_corpus(request(tmp_path, records))
    assert {c.id: (c.parent, c.level, c.train, c.test) for c in found.categories} == {
        "animals": (None, 1, 2, 0),
        "cats": ("animals", 2, 2, 0),
        "dogs": ("animals", 2, 1, 0),
        "food": (None, 1, 0, 1),
        "fruit": ("food", 2, 0, 0),
        "bread": ("food", 2, 0, 0),
        "unused": ("food", 2, 0, 0),
    }
    assert (found.labels, found.without_labels) == (4, 1)


def test_every_problem_is_told_and_the_look_goes_on(tmp_path: Path) -> None:
    records: list[dict[str, Any]] = [
        {"id": "a", "text": "purr", "labels": ["cats"], "split": "train"},
        {"id": "b", "text": 7, "labels": ["cats"]},
        {"id": "a", "text": "purr", "labels": ["cats"], "split": "train"},
        {"id": "c", "text": "purr", "labels": ["birds", "wine"], "split": "both"},
        {"id": "d", "text": "purr", "labels": ["birds"], "split": "test"},
    ]
    asked = request(tmp_path, records)
    found = survey_corpus(asked)
    [source] = asked.sources
    assert found.problems == [
        f'{source}, line 2: the field "text" is not a string',
        f"{source}, line 4: the split 'both' is unknown; use one of train, training, validation, "
        "valid, val, dev, test",
        f"{source}, line 3: the document id 'a' appears twice",
        "1 label is not in the taxonomy; add it there, or use --unknown-labels drop or top-level",
    ]
    assert found.problem_count == 4
    assert (found.records, found.train, found.test) == (5, 2, 1)
    assert found.unknown_labels == {"birds": 1}
    assert (found.labels, found.without_labels) == (2, 1)
    dropped = survey_corpus(replace(asked, unknown_labels="drop"))
    assert (dropped.problem_count, dropped.unknown_labels) == (3, {"birds": 1})
    added = survey_corpus(replace(asked, unknown_labels="top-level"))
    assert (added.problem_count, added.unknown_labels) == (3, {})
    assert added.categories[-1].id == "birds"


def test_of_many_problems_only_some_are_told_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey_module, "MAX_PROBLEMS", 3)
    found = survey_corpus(request(tmp_path, [{"text": i, "labels": []} for i in range(50)]))
    assert (found.problem_count, len(found.problems)) == (50, 3)


def test_a_file_that_breaks_off_is_a_problem_too(tmp_path: Path) -> None:
    asked = request(tmp_path, documents(4))
    path = Path(asked.sources[0])
    path.write_bytes(path.read_bytes() + b"\xff\n")
    table = tmp_path / "broken.csv"
    table.write_text('text,labels\nlow tide,cats\n"no end', encoding="utf-8")
    assert "not UTF-8" in survey_corpus(asked).problems[0]
    found = survey_corpus(replace(asked, sources=(str(table),)))
    assert found.train + found.test == 1
    assert "no readable table from here on" in found.problems[0]


def test_words_and_vectors_are_those_of_documents_in_a_split(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "CHUNK", 2)
    records = [
        {"id": "a", "text": "low tide low tide low", "labels": [], "split": "train"},
        {"id": "b", "text": "high Tide", "labels": ["cats"], "split": "test"},
        {"id": "c", "text": "", "labels": ["cats"], "split": "test"},
    ]
    pairs = [(word, np.ones(3, np.float32)) for word in ("tide", "high", "moon")]
    store_vectors(pairs, tmp_path / "vectors")
    found = survey_corpus(request(tmp_path, records, max_words=4), {"tides": tmp_path / "vectors"})
    assert (found.words, found.tokens, found.longer, found.max_words) == (3, 6, 1, 4)
    assert found.vectors == [
        {"name": "tides", "words": 3, "covered": 2, "share": 2 / 3, "token_share": 4 / 6}
    ]
    assert found.without_text == 1


def test_repeated_texts_and_sources_are_counted(tmp_path: Path) -> None:
    for name, number in (("train", 3), ("test", 2)):
        lines = [f"Tide {i},cats" for i in range(number)]
        (tmp_path / f"{name}.csv").write_text("\n".join(["text,labels", *lines]), encoding="utf-8")
    found = survey_corpus(ImportRequest("x", (str(tmp_path),), processes=1))
    assert found.sources == {
        str(tmp_path / "test.csv"): {"records": 2, "train": 0, "test": 2, "unused": 0},
        str(tmp_path / "train.csv"): {"records": 3, "train": 3, "test": 0, "unused": 0},
    }
    assert found.duplicates == {"within_train": 0, "within_test": 0, "across": 2}


def test_where_no_look_is_possible_an_error_says_so(tmp_path: Path) -> None:
    with pytest.raises(HTransError, match="no such file"):
        survey_corpus(ImportRequest("x", (str(tmp_path / "none.jsonl"),)))
    asked = request(tmp_path, documents(2))
    (tmp_path / "taxonomy.tsv").write_text("parent\tid\nnone\tcats\n", encoding="utf-8")
    with pytest.raises(HTransError, match=r"taxonomy\.tsv, line 2"):
        survey_corpus(asked)


def test_a_label_that_is_dropped_by_rarity_is_no_problem(tmp_path: Path) -> None:
    records = [
        *({"text": f"purr {i}", "labels": ["cats"], "split": "train"} for i in range(3)),
        {"text": "bark", "labels": ["dogs"], "split": "train"},
    ]
    found = survey_corpus(request(tmp_path, records, min_positives=2))
    assert {c.id: c.train for c in found.categories} == {"animals": 4, "cats": 3}
    assert found.problem_count == 0
    assert found.notes == [
        "5 of 7 categories have fewer than 2 training documents and were omitted"
    ]


def test_options_that_contradict_each_other_are_refused() -> None:
    asked = ImportRequest("x", ("icd10cm:1",))
    for changes, problem in (
        ({"test_sources": ("a",), "test_fraction": 0.5}, "--test and --test-fraction"),
        ({"test_fraction": 1.0}, "--test-fraction"),
        ({"test_fraction": float("nan")}, "--test-fraction"),
        ({"max_words": 0}, "--max-words"),
        ({"min_positives": -1}, "--min-positives"),
        ({"processes": 0}, "--processes"),
        ({"multiple_parents": "all"}, "--multiple-parents"),
    ):
        with pytest.raises(HTransError, match=problem):
            survey_corpus(replace(asked, **changes))


def test_fields_are_those_asked_for(tmp_path: Path) -> None:
    asked = request(
        tmp_path,
        [{"head": "Low tide", "body": "It is low.", "kind": "cats", "day": "2020-01-02"}],
        options=ReadingOptions(
            text_fields=("head", "body"), label_fields=("kind",), date_field="day"
        ),
    )
    found = survey_corpus(asked)
    assert found.problems == []
    assert found.tokens == 6
