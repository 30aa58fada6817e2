"""A hierarchy written to a folder and read again: the same, or an error that names the file."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.corpus.taxonomy import Edge, Taxonomy
from core.errors import CorruptFileError, HTransError
from core.metrics.calibration import Calibration
from core.metrics.decisions import CategoryRule
from core.prediction.exported import (
    load_model,
    read_hierarchy,
    write_hierarchy,
)
from tests.support.hierarchies import RULES, TEXTS, TREE, hierarchy, model, table

CPU = torch.device("cpu")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "model"
    made.mkdir()
    write_hierarchy(made, hierarchy(), "# card\n")
    return made


def test_what_was_written_scores_and_decides_as_before(folder: Path) -> None:
    loaded, before = load_model(folder), hierarchy().classifier(CPU)
    wanted = before.predict(TEXTS)
    np.testing.assert_array_equal(loaded.predict_proba(TEXTS), wanted.probabilities)
    accepted = [tuple(before.categories[i] for i in np.flatnonzero(r)) for r in wanted.accepted]
    assert loaded.predict(TEXTS) == accepted
    assert len(set(accepted)) > 1
    assert loaded.categories == tuple(c.id for c in TREE)
    assert loaded.bounds == {"cats": 0.05, "dogs": 0.01}
    assert loaded.facts == {"run": "small", "note": "größer\n"}
    assert [(c.id, c.name, c.parent) for c in loaded.taxonomy] == [
        (c.id, c.name, c.parent) for c in TREE
    ]
    for key, rule in RULES.items():
        assert loaded.thresholds[key] == pytest.approx(rule.threshold)
    assert loaded.classifier.rules == RULES


def test_asked_from_the_top_down_it_uses_the_bounds_that_were_written(folder: Path) -> None:
    loaded, before = load_model(folder), hierarchy()
    bounded = before.classifier(CPU).predict(TEXTS, before.bounds)
    wanted = [tuple(loaded.categories[i] for i in np.flatnonzero(r)) for r in bounded.accepted]
    assert loaded.predict(TEXTS, top_down=True) == wanted


def test_explanation_has_the_places_of_the_words_and_attention_on_them(folder: Path) -> None:
    loaded = load_model(folder)
    text = "  The puppy,\n and PAW"
    found = loaded.explain(text)
    assert [text[start:end].lower() for _, start, end in found.tokens] == [
        word for word, _, _ in found.tokens
    ]
    assert [word for word, _, _ in found.tokens] == ["the", "puppy", ",", "and", "paw"]
    assert set(found.attention) == set(RULES)
    for weights in found.attention.values():
        assert len(weights) == 5
        assert weights.sum() == pytest.approx(1, abs=1e-5)
    assert found.labels == loaded.predict([text])[0]
    proba = loaded.predict_proba([text])[0]
    assert list(found.probabilities.values()) == pytest.approx(proba.tolist(), abs=2e-6)


def test_nothing_to_score_is_an_empty_answer(folder: Path) -> None:
    loaded = load_model(folder)
    assert loaded.predict([]) == []
    assert loaded.predict_proba([]).shape == (0, 4)
    assert loaded.predict(["", " "]) == [(), ()]
    assert loaded.explain("").tokens == ()


@pytest.mark.parametrize("texts", ["one text", [5], ["a", None]])
def test_what_is_no_list_of_texts_is_refused(folder: Path, texts: object) -> None:
    loaded = load_model(folder)
    with pytest.raises(TypeError, match="list of texts"):
        loaded.predict(texts)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="list of texts"):
        loaded.predict_proba(texts)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="one text"):
        loaded.explain(["a"])  # type: ignore[arg-type]


@pytest.mark.slow
def test_two_hundred_and_more_texts_are_scored_as_few_are(folder: Path) -> None:
    loaded = load_model(folder)
    np.testing.assert_allclose(
        loaded.predict_proba(TEXTS * 60), np.tile(loaded.predict_proba(TEXTS), (60, 1)), atol=1e-6
    )
    assert loaded.predict(TEXTS * 60) == loaded.predict(TEXTS) * 60


NASTY = {
    "tab": "a\tb",
    "line feed": "a\nb",
    "carriage return": "a\rb",
    "both": "a\r\nb",
    "quote": 'a"b',
    "quoted": '"a"',
    "comma": "a,b;c",
    "white space": "  a  ",
    "backslash": "a\\tb",
    "separator": "a\u2028b\x85",
    "script": "動物 🐈",
}


@pytest.mark.slow
@pytest.mark.parametrize("key", NASTY.values(), ids=NASTY)
def test_ids_and_names_of_any_kind_survive(tmp_path: Path, key: str) -> None:
    child = f"{key} child"
    tree = Taxonomy([Edge(key, None, f"name {key}"), Edge(child, key, key)])
    nasty = replace(
        hierarchy(tree),
        models=[model(1, (key,)), model(2, (child,))],
        tables={"t0": table(0)},
        rules={key: CategoryRule(), child: CategoryRule(0.25)},
        bounds={child: 0.05},
    )
    write_hierarchy(tmp_path, nasty, "")
    loaded = load_model(tmp_path)
    assert [(c.id, c.name, c.parent) for c in loaded.taxonomy] == [
        (c.id, c.name, c.parent) for c in tree
    ]
    assert loaded.thresholds == {key: 0.5, child: 0.25}
    wanted = nasty.classifier(CPU).predict(TEXTS).probabilities
    np.testing.assert_array_equal(loaded.predict_proba(TEXTS), wanted)


def test_thresholds_that_nothing_or_everything_passes_survive(tmp_path: Path) -> None:
    rules = {
        "animals": CategoryRule(1.5),
        "cats": CategoryRule.calibrated(Calibration(1e-3, -50.0)),
        "dogs": CategoryRule.calibrated(Calibration(1e-3, 50.0)),
    }
    write_hierarchy(tmp_path, replace(hierarchy(), rules=rules), "")
    loaded = load_model(tmp_path)
    assert loaded.classifier.rules == rules
    assert not any(math.isnan(value) for value in loaded.thresholds.values())
    assert loaded.predict(["fur"]) == [("dogs",)]


FILES = ["models.safetensors", "embeddings.safetensors", "vocabulary.json", "taxonomy.tsv"]


@pytest.mark.parametrize("name", [*FILES, "thresholds.json"])
@pytest.mark.parametrize("damage", ["missing", "changed", "cut", "folder"])
def test_file_that_is_not_what_was_written_is_named(folder: Path, name: str, damage: str) -> None:
    path = folder / name
    content = bytearray(path.read_bytes())
    path.unlink()
    if damage == "changed":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    elif damage == "cut":
        path.write_bytes(content[:-1])
    elif damage == "folder":
        path.mkdir()
    with pytest.raises(CorruptFileError, match=name) as caught:
        load_model(folder)
    assert "copy the folder again" in str(caught.value)


def test_the_card_may_be_changed(folder: Path) -> None:
    assert (folder / "README.md").read_text() == "# card\n"
    (folder / "README.md").write_text("our own words")
    load_model(folder)


@pytest.mark.parametrize(
    "content",
    [None, b"", b"[]", b"5", b'{"format": "other"}', b"\xff", b'{"format": "htrans-export-1"}'],
)
def test_folder_that_holds_no_model_is_named_with_the_remedy(
    folder: Path, content: bytes | None
) -> None:
    (folder / "model.json").unlink()
    if content is not None:
        (folder / "model.json").write_bytes(content)
    with pytest.raises(HTransError, match=str(folder)) as caught:
        read_hierarchy(folder)
    assert "export" in str(caught.value)


def test_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(HTransError, match="no exported model"):
        load_model(tmp_path / "none")


def test_tables_that_several_models_read_are_written_once(folder: Path) -> None:
    about = json.loads((folder / "model.json").read_text())
    assert [record["embeddings"] for record in about["models"]] == ["t0", "t0", "t1"]
    assert set(read_hierarchy(folder).tables) == {"t0", "t1"}
