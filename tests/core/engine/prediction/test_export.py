"""Exported runs score and decide as in the workspace; an export is whole or not there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from core.engine.artifacts.run_data import RunData
from core.engine.prediction import export
from core.engine.prediction.classification import load_classifier
from core.engine.prediction.export import export_run
from core.engine.prediction.top_down import bounds_of
from core.engine.scoring.evaluation import evaluate
from core.errors import ConflictError, HTransError
from core.prediction.exported import load_model, write_hierarchy
from core.workspace import Workspace
from db.connection import Store
from db.corpora import texts as texts_of
from db.runs import Run, run_named
from db.thresholds import record_threshold
from tests.support.builders import category_of, record_corpus, record_run
from tests.support.trained import OTHER_SYSTEMS

CPU = torch.device("cpu")


@pytest.fixture
def store(own_copy: Workspace) -> Iterator[Store]:
    opened = Store(own_copy.database)
    yield opened
    opened.close()


def check(store: Store, workspace: Workspace, run: Run, folder: Path) -> None:
    """Export a run and compare it with the run itself."""
    report = export_run(store, workspace, run, folder, CPU)
    classifier, without = load_classifier(store, workspace, run, CPU)
    assert (report.trained, report.without) == (len(classifier.rules), without)
    assert report.size == sum(path.stat().st_size for path in folder.iterdir())
    loaded = load_model(folder)
    texts = [*list(texts_of(store, run.corpus_id))[:60], "", "kitten", "words nobody has seen"]
    wanted = classifier.predict(texts)
    np.testing.assert_allclose(loaded.predict_proba(texts), wanted.probabilities, atol=1e-6)
    labels = [tuple(classifier.categories[i] for i in np.flatnonzero(r)) for r in wanted.accepted]
    assert loaded.predict(texts) == labels
    assert len(set(labels)) > 1
    assert loaded.classifier.rules == classifier.rules
    assert loaded.bounds == bounds_of(store, RunData(store, workspace, run), CPU)
    for text in texts[:2]:
        found, expected = loaded.explain(text), classifier.classify(text)
        assert expected is not None
        assert found.labels == expected.labels
        assert list(found.tokens) == [tuple(token) for token in expected.tokens]
        assert set(found.attention) == set(expected.attention)
        for key, weights in expected.attention.items():
            np.testing.assert_allclose(found.attention[key], weights, atol=1e-6)


@pytest.mark.parametrize("system", OTHER_SYSTEMS)
def test_exported_run_is_the_run(systems: Workspace, tmp_path: Path, system: str) -> None:
    opened = Store(systems.database)
    check(opened, systems, run_named(opened, system), tmp_path / "model")
    opened.close()


@pytest.mark.slow
def test_thresholds_set_by_hand_are_exported_and_the_card_says_so(
    store: Store, own_copy: Workspace, tmp_path: Path
) -> None:
    run = run_named(store, "small")
    check(store, own_copy, run, tmp_path / "before")
    assert "by hand" not in (tmp_path / "before" / "README.md").read_text()
    cats = category_of(store, run, "cats")
    assert cats.kept_trial_id is not None
    for split, said in (
        ("validation", "manually on validation documents"),
        ("test", "manually on these test documents"),
    ):
        with store.write():
            record_threshold(store, cats.kept_trial_id, cats.id, 0.8125, split)
        folder = tmp_path / split
        check(store, own_copy, run, folder)
        assert load_model(folder).thresholds["cats"] == 0.8125
        card = (folder / "README.md").read_text(encoding="utf-8")
        assert said in card
        assert load_model(folder).facts["thresholds_set_on"] == [split]
        assert "0.812" in next(line for line in card.splitlines() if line.startswith("| cats |"))


def test_the_card_has_the_measures_and_says_what_has_no_model(
    own_copy: Workspace, store: Store, tmp_path: Path
) -> None:
    run = run_named(store, "small")
    measured = evaluate(store, RunData(store, own_copy, run), "test", CPU)
    report = export_run(store, own_copy, run, tmp_path / "m", CPU)
    assert (report.trained, report.without, report.onnx_difference) == (6, 1, None)
    card = (tmp_path / "m" / "README.md").read_text(encoding="utf-8")
    assert f"{measured.summary.micro.f1:.4f}" in card
    assert next(x for x in card.splitlines() if x.startswith("| unused |")).endswith("no model |")


def test_the_use_that_the_card_shows_works(
    store: Store, own_copy: Workspace, tmp_path: Path
) -> None:
    export_run(store, own_copy, run_named(store, "small"), tmp_path / "this-folder", CPU)
    card = (tmp_path / "this-folder" / "README.md").read_text(encoding="utf-8")
    code = card.split("```python\n")[1].split("```")[0]
    code = code.replace('"this-folder"', repr(str(tmp_path / "this-folder")))
    names: dict[str, object] = {}
    exec(code, names)
    assert "model" in names


@pytest.mark.parametrize("there", ["file in it", "file"])
def test_folder_that_holds_something_is_refused(
    store: Store, own_copy: Workspace, tmp_path: Path, there: str
) -> None:
    folder = tmp_path / "model"
    if there == "file":
        folder.write_text("mine")
    else:
        folder.mkdir()
        (folder / "mine").write_text("mine")
    with pytest.raises(ConflictError, match="choose another folder"):
        export_run(store, own_copy, run_named(store, "small"), folder, CPU)
    assert (folder if there == "file" else folder / "mine").read_text() == "mine"


def test_an_empty_folder_is_filled(store: Store, own_copy: Workspace, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    export_run(store, own_copy, run_named(store, "small"), tmp_path / "model", CPU)
    load_model(tmp_path / "model")


def test_the_current_folder_is_a_folder(
    store: Store, own_copy: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    export_run(store, own_copy, run_named(store, "small"), Path(), CPU)
    load_model(tmp_path / "here")


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (KeyboardInterrupt(), KeyboardInterrupt),
        (OSError(28, "No space left on device"), HTransError),
        (HTransError("the ONNX model differs"), HTransError),
    ],
)
def test_export_that_fails_leaves_nothing(
    store: Store,
    own_copy: Workspace,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    raised: type[BaseException],
) -> None:
    def fail(folder: Path, *others: object) -> None:
        write_hierarchy(folder, *others)  # type: ignore[arg-type]
        raise error

    target = tmp_path / "exports"
    target.mkdir()
    monkeypatch.setattr(export, "write_hierarchy", fail)
    with pytest.raises(raised):
        export_run(store, own_copy, run_named(store, "small"), target / "model", CPU)
    assert list(target.iterdir()) == []
    (target / "model").mkdir()
    with pytest.raises(raised):
        export_run(store, own_copy, run_named(store, "small"), target / "model", CPU)
    assert list((target / "model").iterdir()) == []


def test_linear_models_as_onnx_are_refused_and_nothing_is_written(
    systems: Workspace, tmp_path: Path
) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    opened = Store(systems.database)
    run = run_named(opened, "linear")
    with pytest.raises(HTransError, match="export it without --onnx"):
        export_run(opened, systems, run, tmp_path / "model", CPU, onnx=True)
    opened.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("system", ["gru-att-basic", "dgcnn"])
def test_a_run_is_exported_as_onnx(systems: Workspace, tmp_path: Path, system: str) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    opened = Store(systems.database)
    folder = tmp_path / "model"
    report = export_run(opened, systems, run_named(opened, system), folder, CPU, onnx=True)
    opened.close()
    assert report.onnx_difference is not None
    assert report.onnx_difference <= 1e-4
    assert (folder / "model.onnx").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]
    load_model(folder)


def test_run_without_a_model_is_named(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    workspace.create()
    opened = Store(workspace.database, create=True)
    run = record_run(opened, record_corpus(opened))
    with pytest.raises(HTransError):
        export_run(opened, workspace, run, tmp_path / "model", CPU)
    opened.close()
    assert not (tmp_path / "model").exists()
