"""HTrans in the manner of scikit-learn."""

from __future__ import annotations

import pickle
import random
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

import htrans_tui
from core.engine.prediction.estimator import HTransClassifier
from core.errors import ConflictError, HTransError

WORDS = {
    "cats": ("meow", "purr", "whiskers", "kitten"),
    "dogs": ("bark", "leash", "puppy", "bone"),
    "fruit": ("apple", "pear", "peel", "juice"),
}
PARENTS = {"animals": None, "cats": "animals", "dogs": "animals", "fruit": None}
SETTINGS = {
    "epochs": 4,
    "hidden_units": 16,
    "dimensions": 16,
    "class_weights": (1.0,),
    "batch_size": 16,
    "learning_rate": 0.02,
    "transferred_learning_rate": 0.01,
}


def documents(number: int) -> tuple[list[str], list[list[str]]]:
    drawn = random.Random(0)
    labels = [drawn.choice(list(WORDS)) for _ in range(number)]
    return [" ".join(drawn.choices(WORDS[key], k=6)) for key in labels], [[key] for key in labels]


@pytest.mark.slow
def test_fitted_from_label_lists_it_predicts_saves_and_is_pickled(tmp_path: Path) -> None:
    texts, labels = documents(160)
    estimator = HTransClassifier(settings=SETTINGS, device="cpu", workers=1)
    assert clone(estimator).get_params() == estimator.get_params()
    estimator.fit(texts, labels, PARENTS)
    assert list(estimator.classes_) == ["animals", "cats", "dogs", "fruit"]
    probabilities = estimator.predict_proba(texts)
    assert probabilities.shape == (160, 4)
    predicted = estimator.predict(texts)
    assert set(np.unique(predicted)) <= {0, 1}
    assert (predicted == (probabilities >= 0.5)).all()
    is_animal = np.array([key != ["fruit"] for key in labels])
    assert (predicted[:, 0] == is_animal).mean() > 0.9
    for row, its in zip(predicted, estimator.predict_labels(texts), strict=True):
        assert [estimator.classes_[i] for i in np.flatnonzero(row)] == list(its)
    estimator.save(tmp_path / "model")
    assert (
        np.abs(htrans_tui.load(tmp_path / "model").predict_proba(texts) - probabilities).max() == 0
    )
    with pytest.raises(ConflictError, match="not empty"):
        estimator.save(tmp_path / "model")
    again = pickle.loads(pickle.dumps(estimator))
    assert (again.predict_proba(texts) == probabilities).all()


def test_what_cannot_be_fitted_is_said_in_a_line() -> None:
    texts, labels = documents(4)
    with pytest.raises(HTransError, match=r"4 texts, .* 3"):
        HTransClassifier().fit(texts, labels[:3])
    with pytest.raises(HTransError, match="a list of labels"):
        HTransClassifier().fit(texts, ["cats", "dogs", "cats", "cats"])
    with pytest.raises(HTransError, match=r"4 columns.*classes="):
        HTransClassifier().fit(texts, np.eye(4))
    with pytest.raises(HTransError, match="strings"):
        HTransClassifier().fit([1, 2, 3, 4], labels)  # type: ignore[list-item]
