"""Training the linear model of a category: folds, what they say, and going on where one stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.sparse import csr_array
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.svm import LinearSVC

from core.metrics.calibration import Calibration, platt
from core.metrics.precision_recall import count
from core.metrics.thresholds import cautious_threshold
from core.models.linear import LinearModel, fit_svm, squared_hinge
from core.seeds import seed_for
from core.settings import TrainingSettings
from core.training.epochs import BatchProgress, Checkpoint, EpochResult, Outcome
from core.training.linear import LinearTraining

SETTINGS = TrainingSettings(folds=4, seed=3)
KEY = "topic"
Targets = npt.NDArray[np.bool_]


def documents(number: int = 60, one_in: int = 3, noise: float = 0.3) -> tuple[csr_array, Targets]:
    """Vectors of length 1 whose first three features are large in positives, each `one_in`th."""
    draw = np.random.default_rng(7)
    targets = np.arange(number) % one_in == 0
    dense = draw.random((number, 12)) * (draw.random((number, 12)) < 0.5) + noise * 0.01
    dense[targets, :3] += 1.5
    dense /= np.linalg.norm(dense, axis=1, keepdims=True)
    return csr_array(dense), targets


class Recorder:
    """A reporter that remembers, and says stop after so many folds."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.batches: list[BatchProgress] = []
        self.epochs: list[tuple[EpochResult, bool]] = []
        self._stop_after = stop_after

    def is_due(self) -> bool:
        return True

    def progressed(self, progress: BatchProgress) -> None:
        self.batches.append(progress)

    def epoch_done(self, result: EpochResult, is_kept: bool) -> None:
        self.epochs.append((result, is_kept))

    def should_stop(self) -> bool:
        return len(self.epochs) == self._stop_after


class ObjectStoreCache:
    """Keeps checkpoints as files, as a worker does."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "checkpoint.pt"

    def save(self, checkpoint: Checkpoint) -> None:
        torch.save(checkpoint, self._file)

    def load(self) -> Checkpoint:
        found: Checkpoint = torch.load(self._file, weights_only=True)
        return found


def trained(
    vectors: csr_array, targets: Targets, settings: TrainingSettings = SETTINGS
) -> tuple[LinearTraining, npt.NDArray[np.float64], Recorder]:
    """A finished training, the distances of its last checkpoint, and what it reported."""
    subject, reporter = LinearTraining(vectors, targets, KEY, settings), Recorder()
    kept = [np.zeros(len(targets))]
    outcome = subject.run(reporter, lambda saved: kept.append(saved["distances"].numpy().copy()))
    assert outcome is Outcome.FINISHED
    return subject, kept[-1], reporter


def by_hand(vectors: csr_array, targets: Targets, *, spread: bool) -> npt.NDArray[np.float64]:
    """Distances under the models that did not train on the document."""
    seed = seed_for(SETTINGS.seed, KEY, "folds") % 2**32
    splitter = StratifiedKFold if spread else KFold
    expected = np.full(len(targets), np.nan)
    folds = splitter(4, shuffle=True, random_state=seed)
    for inside, outside in folds.split(np.zeros(len(targets)), targets):
        if not targets[inside].any():
            expected[outside] = -1.0
            continue
        machine = LinearSVC(C=SETTINGS.svm_c, random_state=seed)
        machine.fit(vectors[inside], targets[inside])
        expected[outside] = machine.decision_function(vectors[outside])
    return expected


def test_training_learns_the_category() -> None:
    vectors, targets = documents()
    subject, _, reporter = trained(vectors, targets)
    assert subject.model is not None
    assert subject.threshold is not None
    assert subject.threshold.f1 > 0.95
    found = subject.model.probabilities(vectors)
    assert found.dtype == np.float32
    assert ((found >= 0.5) == targets).all()
    assert reporter.epochs[-1][0].validation.f1 == pytest.approx(subject.threshold.f1)


@pytest.mark.parametrize(("one_in", "spread"), [(3, True), (15, True), (20, False), (60, False)])
def test_each_document_is_scored_by_the_fold_that_did_not_see_it(one_in: int, spread: bool) -> None:
    vectors, targets = documents(one_in=one_in)
    _, distances, _ = trained(vectors, targets)
    np.testing.assert_allclose(distances, by_hand(vectors, targets, spread=spread), rtol=1e-12)


def test_a_documents_own_target_does_not_move_its_score() -> None:
    # Fewer positives than folds: folds are drawn without a look at targets, and stay as they are.
    vectors, targets = documents(one_in=30)
    _, before, _ = trained(vectors, targets)
    for place in (1, 17, 44):
        other = targets.copy()
        other[place] = True
        _, after, _ = trained(vectors, other)
        assert after[place] == before[place]
        assert (after != before).any()


def test_out_of_fold_probabilities_are_the_calibrated_distances() -> None:
    vectors, targets = documents(noise=5.0)
    subject, distances, _ = trained(vectors, targets)
    calibration = platt(targets, distances)
    assert calibration is not None
    assert subject.model is not None
    assert subject.model.calibration == calibration
    expected = calibration.probabilities(distances).astype(np.float32)
    np.testing.assert_array_equal(subject.out_of_fold, expected)
    usual = float(calibration.probabilities(np.zeros(1))[0])
    assert subject.threshold == cautious_threshold(targets, expected, usual)


def test_the_model_is_fitted_to_all_documents() -> None:
    vectors, targets = documents()
    subject, _, _ = trained(vectors, targets, replace(SETTINGS, svm_c=0.5))
    seed = seed_for(SETTINGS.seed, KEY, "folds") % 2**32
    machine = LinearSVC(C=0.5, random_state=seed).fit(vectors, targets)
    assert subject.model is not None
    np.testing.assert_allclose(subject.model.weights, machine.coef_[0], rtol=1e-12)
    assert subject.model.bias == pytest.approx(float(machine.intercept_[0]), rel=1e-12)


def test_folds_are_drawn_anew_for_each_category_and_seed() -> None:
    vectors, targets = documents()
    found = []
    for key, settings in ((KEY, SETTINGS), ("other", SETTINGS), (KEY, replace(SETTINGS, seed=4))):
        subject = LinearTraining(vectors, targets, key, settings)
        subject.run(Recorder(), lambda _: None)
        found.append(subject.out_of_fold.tobytes())
    assert len(set(found)) == 3


@pytest.mark.parametrize("stop_after", [1, 2, 3, 4])
def test_resuming_after_any_fold_gives_the_same_bits(stop_after: int, tmp_path: Path) -> None:
    vectors, targets = documents()
    whole, _, heard = trained(vectors, targets)
    shelf, first = ObjectStoreCache(tmp_path), Recorder(stop_after)
    interrupted = LinearTraining(vectors, targets, KEY, SETTINGS)
    assert interrupted.run(first, shelf.save) is Outcome.INTERRUPTED
    assert interrupted.model is None
    resumed, second = LinearTraining(vectors, targets, KEY, SETTINGS), Recorder()
    resumed.restore(shelf.load())
    assert resumed.position == (stop_after + 1, 0)
    assert resumed.run(second, shelf.save) is Outcome.FINISHED
    assert whole.model is not None
    assert resumed.model is not None
    left, right = resumed.model.state(), whole.model.state()
    assert all(torch.equal(left[name], right[name]) for name in right)
    assert resumed.threshold == whole.threshold
    np.testing.assert_array_equal(resumed.out_of_fold, whole.out_of_fold)

    def without_time(recorder: Recorder) -> list[tuple[EpochResult, bool]]:
        return [(replace(result, seconds=0.0), kept) for result, kept in recorder.epochs]

    assert without_time(first) + without_time(second) == without_time(heard)


def test_a_restored_training_leaves_its_checkpoint_alone(tmp_path: Path) -> None:
    vectors, targets = documents()
    shelf = ObjectStoreCache(tmp_path)
    LinearTraining(vectors, targets, KEY, SETTINGS).run(Recorder(1), shelf.save)
    checkpoint = shelf.load()
    before = checkpoint["distances"].clone()
    resumed = LinearTraining(vectors, targets, KEY, SETTINGS)
    resumed.restore(checkpoint)
    resumed.run(Recorder(), lambda _: None)
    assert torch.equal(checkpoint["distances"], before)


@pytest.mark.parametrize("positives", [0, 1, 2, 3, 19, 20])
def test_a_category_with_few_documents_of_a_kind_is_trained_too(positives: int) -> None:
    vectors, _ = documents(20)
    targets = np.arange(20) < positives
    subject, distances, reporter = trained(vectors, targets)
    assert len(reporter.epochs) == 5
    assert subject.model is not None
    assert subject.threshold is not None
    assert np.isfinite(distances).all()
    assert np.isfinite(subject.out_of_fold).all()
    assert 0 <= subject.threshold.f1 <= 1
    if positives in (0, 20):
        assert subject.model.calibration == Calibration(1.0, 0.0)
        assert ((subject.model.probabilities(vectors) > 0.5) == (positives == 20)).all()


@pytest.mark.parametrize(("number", "folds"), [(1, 0), (2, 2), (3, 3)])
def test_there_are_no_more_folds_than_documents(number: int, folds: int) -> None:
    vectors, targets = documents(number, one_in=2)
    subject, _, reporter = trained(vectors, targets)
    assert len(reporter.epochs) == folds + 1
    assert subject.model is not None


def test_the_reporter_hears_of_each_fold_and_the_last_fit_which_is_kept() -> None:
    vectors, targets = documents(one_in=3)
    _, distances, reporter = trained(vectors, targets)
    assert [result.epoch for result, _ in reporter.epochs] == [1, 2, 3, 4, 5]
    assert [kept for _, kept in reporter.epochs] == [False] * 4 + [True]
    assert [(b.epoch, b.batch, b.batches) for b in reporter.batches] == [
        (epoch, 1, 1) for epoch in range(1, 6)
    ]
    assert [batch.documents for batch in reporter.batches] == [45, 45, 45, 45, 60]
    assert all(batch.seconds > 0 for batch in reporter.batches)
    last = reporter.epochs[-1][0]
    assert last.validation_loss == pytest.approx(squared_hinge(distances, targets))


def test_a_fold_reports_how_it_does_on_the_documents_it_left_out() -> None:
    vectors, targets = documents(noise=40.0)
    _, distances, reporter = trained(vectors, targets)
    seed = seed_for(SETTINGS.seed, KEY, "folds") % 2**32
    folds = StratifiedKFold(4, shuffle=True, random_state=seed)
    for (inside, outside), (result, _) in zip(
        folds.split(np.zeros(60), targets), reporter.epochs[:4], strict=True
    ):
        assert result.validation == count(targets[outside], distances[outside] >= 0).rates
        expected = squared_hinge(distances[outside], targets[outside])
        assert result.validation_loss == pytest.approx(expected)
        machine = LinearSVC(C=SETTINGS.svm_c, random_state=seed)
        machine.fit(vectors[inside], targets[inside])
        known = squared_hinge(machine.decision_function(vectors[inside]), targets[inside])
        assert result.training_loss == pytest.approx(known)


def test_position_moves_with_the_folds() -> None:
    vectors, targets = documents()
    subject = LinearTraining(vectors, targets, KEY, SETTINGS)
    seen = [subject.position]
    subject.run(Recorder(), lambda _: seen.append(subject.position))
    assert seen == [(1, 0), (2, 0), (3, 0), (4, 0), (5, 0)]


def test_squared_hinge_equals_a_sum_by_hand() -> None:
    # Margins 2, 0.5, −1 and 0 fall short of 1 by 0, 0.5, 2 and 1.
    distances = np.array([2.0, 0.5, 1.0, 0.0])
    targets = np.array([True, True, False, False])
    assert squared_hinge(distances, targets) == pytest.approx((0 + 0.25 + 4 + 1) / 4)
    assert squared_hinge(np.zeros(0), np.zeros(0, dtype=np.bool_)) == 0.0


def test_a_models_state_goes_through_a_file_unchanged(tmp_path: Path) -> None:
    model = LinearModel(np.array([0.1, -2.0, 3.5]), 1 / 3, Calibration(1.7, -0.2))
    torch.save(model.state(), tmp_path / "model.pt")
    again = LinearModel.of(torch.load(tmp_path / "model.pt", weights_only=True))
    assert again.weights.tobytes() == model.weights.tobytes()
    assert (again.bias, again.calibration) == (model.bias, model.calibration)


def test_distances_and_probabilities_equal_the_formulas() -> None:
    vectors = csr_array(np.array([[1.0, 0.0], [0.5, 2.0]]))
    model = LinearModel(np.array([2.0, -1.0]), 0.5, Calibration(2.0, 1.0))
    np.testing.assert_allclose(model.distances(vectors), [2.5, -0.5])
    expected = 1 / (1 + np.exp(-np.array([6.0, 0.0])))
    np.testing.assert_allclose(model.probabilities(vectors), expected, rtol=1e-6)
    plain = LinearModel(model.weights, model.bias).probabilities(vectors)
    np.testing.assert_allclose(plain, 1 / (1 + np.exp(-np.array([2.5, -0.5]))), rtol=1e-6)


@pytest.mark.parametrize("positive", [True, False])
def test_of_one_kind_every_document_is_as_far_on_its_side(positive: bool) -> None:
    vectors, _ = documents(5)
    model = fit_svm(vectors, np.full(5, positive), 1.0, 0)
    np.testing.assert_array_equal(model.distances(vectors), np.full(5, 1.0 if positive else -1.0))
