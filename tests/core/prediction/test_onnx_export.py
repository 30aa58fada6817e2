"""A hierarchy as ONNX gives the probabilities that it gives itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from core.corpus.taxonomy import Edge, Taxonomy
from core.errors import HTransError
from core.metrics.decisions import CategoryRule
from core.prediction.exported import Hierarchy
from core.prediction.onnx_export import TOLERANCE, export_onnx
from tests.support.hierarchies import RULES, TEXTS, WORDS, hierarchy, model, table

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
CPU = torch.device("cpu")


def session_of(path: Path) -> Any:
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def by_onnx(session: Any, of: Hierarchy, texts: list[str]) -> npt.NDArray[np.float32]:
    reader = of.classifier(CPU).reader
    documents = reader.arrays([reader.words(text) for text in texts], of.vocabulary)
    tokens, lengths = documents.batch(np.arange(len(texts)), 10_000)
    (found,) = session.run(None, {"tokens": tokens, "lengths": lengths})
    result: npt.NDArray[np.float32] = found
    return result


def test_any_number_of_documents_of_any_length_gets_the_same_probabilities(
    tmp_path: Path,
) -> None:
    of, path = hierarchy(), tmp_path / "model.onnx"
    difference = export_onnx(of, path, TEXTS)
    assert 0 <= difference <= TOLERANCE
    session = session_of(path)
    metadata = session.get_modelmeta().custom_metadata_map
    categories = json.loads(metadata["categories"])
    assert sorted(categories) == sorted(RULES)
    assert "htrans-onnx-1" in metadata["format"]
    assert [i.name for i in session.get_inputs()] == ["tokens", "lengths"]
    classifier = of.classifier(CPU)
    columns = [classifier.categories.index(key) for key in categories]
    draw = np.random.default_rng(0)
    for documents, longest in ((1, 1), (1, 30), (2, 1), (3, 12), (17, 40), (64, 5)):
        texts = [
            " ".join(draw.choice(WORDS, size=draw.integers(1, longest + 1)))
            for _ in range(documents)
        ]
        wanted = classifier.predict(texts).probabilities[:, columns]
        np.testing.assert_allclose(by_onnx(session, of, texts), wanted, atol=TOLERANCE)


def test_one_network_of_all_categories_is_exported_too(tmp_path: Path) -> None:
    of = replace(
        hierarchy(), models=[model(4, ("animals", "cats", "dogs"))], tables={"t0": table(0)}
    )
    assert export_onnx(of, tmp_path / "model.onnx", TEXTS) <= TOLERANCE


def test_category_ids_of_any_kind_are_in_the_metadata(tmp_path: Path) -> None:
    key = 'a\t"b"\nü'
    tree = Taxonomy([Edge(key, None, "name")])
    of = replace(
        hierarchy(tree),
        models=[model(1, (key,))],
        tables={"t0": table(0)},
        rules={key: CategoryRule()},
        bounds={},
    )
    export_onnx(of, tmp_path / "model.onnx", [])
    metadata = session_of(tmp_path / "model.onnx").get_modelmeta().custom_metadata_map
    assert json.loads(metadata["categories"]) == [key]


def test_model_that_differs_is_not_to_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.prediction.onnx_export.TOLERANCE", -1.0)
    with pytest.raises(HTransError, match="differs from the trained one"):
        export_onnx(hierarchy(), tmp_path / "model.onnx", TEXTS)


def test_linear_models_have_no_onnx_form(tmp_path: Path) -> None:
    linear = replace(hierarchy(), system="linear", tfidf=(np.zeros(0, dtype=np.int64), np.zeros(0)))
    with pytest.raises(HTransError, match=r"the system linear .*without --onnx"):
        export_onnx(linear, tmp_path / "model.onnx", TEXTS)
    assert list(tmp_path.iterdir()) == []
