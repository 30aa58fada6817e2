"""Training one classifier: kept epoch, early stopping, resuming to the same bits."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from core.corpus.examples import Examples, shared_validation_split, validation_split
from core.errors import TrainingError
from core.metrics.precision_recall import PrecisionRecallF1, decided
from core.models.gru_att import GruAtt
from core.settings import TrainingSettings
from core.text.token_arrays import TokenArrays
from core.training.epochs import (
    BatchProgress,
    Checkpoint,
    EpochResult,
    Objective,
    Outcome,
    Trainer,
    TrialKey,
)
from core.training.initialisation import from_parent, from_scratch, parameter_groups

SETTINGS = TrainingSettings(
    hidden_units=6, dimensions=5, epochs=4, patience=3, batch_size=16, learning_rate=0.01, seed=2
)
KEY = TrialKey("topic", 2.0)
CPU = torch.device("cpu")
TABLE = torch.rand(30, 5, generator=torch.Generator().manual_seed(0)) - 0.5


def examples(number: int = 90, one_in: int = 3) -> Examples:
    """Documents whose words above 20 make them positives, as every `one_in`th is."""
    draw = np.random.default_rng(1)
    rows, targets = [], []
    for i in range(number):
        positive = i % one_in == 0
        words = draw.integers(2, 20, size=draw.integers(1, 9)).tolist()
        if positive:
            words += draw.integers(20, 30, size=2).tolist()
        rows.append(words)
        targets.append(positive)
    tokens = TokenArrays.of(rows)
    return Examples(tokens, np.arange(number), np.array(targets), max_words=10)


def trainer(
    settings: TrainingSettings = SETTINGS,
    network: GruAtt | None = None,
    documents: Examples | None = None,
) -> Trainer:
    training, validation = validation_split(
        documents or examples(), 0.2, settings.seed, KEY.category_id
    )
    made = network or from_scratch(TABLE, KEY, settings)
    groups = parameter_groups(made, settings)
    return Trainer(made, groups, training, validation, KEY, settings, CPU)


class Recorder:
    """A reporter that remembers, and says stop after the given numbers of batches."""

    def __init__(self, *stop_after: int) -> None:
        self.batches: list[BatchProgress] = []
        self.epochs: list[tuple[EpochResult, bool]] = []
        self._stop_after = set(stop_after)

    def is_due(self) -> bool:
        return True

    def progressed(self, progress: BatchProgress) -> None:
        self.batches.append(progress)

    def epoch_done(self, result: EpochResult, is_kept: bool) -> None:
        self.epochs.append((result, is_kept))

    def should_stop(self) -> bool:
        return len(self.batches) in self._stop_after


def nothing(checkpoint: Checkpoint) -> None:
    """Keep no checkpoint."""


def same_state(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[n], right[n]) for n in left)


def same_result(left: Trainer, right: Trainer) -> None:
    assert left.best_epoch is not None
    assert right.best_epoch is not None
    assert same_state(left.best_epoch.state, right.best_epoch.state)
    assert same_state(left.network.state_dict(), right.network.state_dict())
    assert left.best_epoch.validation == right.best_epoch.validation


def test_training_learns_the_category() -> None:
    reporter = Recorder()
    subject = trainer(replace(SETTINGS, epochs=20, patience=20))
    assert subject.run(reporter, nothing) is Outcome.FINISHED
    assert subject.best_epoch is not None
    assert subject.best_epoch.validation.f1 > 0.9
    assert reporter.epochs[-1][0].training_loss < reporter.epochs[0][0].training_loss / 2


@pytest.mark.slow
@pytest.mark.parametrize("stop_after", [1, 3, 5, 7, 10, 14])
def test_resuming_at_any_batch_gives_the_same_bits(stop_after: int) -> None:
    whole = trainer()
    whole.run(Recorder(), nothing)
    interrupted = trainer()
    saved: list[Checkpoint] = []
    assert interrupted.run(Recorder(stop_after), saved.append) is Outcome.INTERRUPTED
    torch.manual_seed(999)  # another process would have another generator
    resumed = trainer()
    resumed.restore(copy.deepcopy(saved[-1]))
    assert resumed.run(Recorder(), nothing) is Outcome.FINISHED
    assert whole.best_epoch is not None
    assert resumed.best_epoch is not None
    assert same_state(resumed.best_epoch.state, whole.best_epoch.state)
    assert same_state(resumed.network.state_dict(), whole.network.state_dict())
    assert resumed.best_epoch.validation == whole.best_epoch.validation


@pytest.mark.slow
def test_resumed_epochs_report_what_uninterrupted_ones_do() -> None:
    whole = Recorder()
    trainer().run(whole, nothing)
    first, second = Recorder(7), Recorder()
    saved: list[Checkpoint] = []
    trainer().run(first, saved.append)
    resumed = trainer()
    resumed.restore(saved[-1])
    resumed.run(second, nothing)
    losses = [result.training_loss for result, _ in first.epochs + second.epochs]
    assert losses == [result.training_loss for result, _ in whole.epochs]
    batches = [b.loss for b in first.batches + second.batches]
    assert batches == [b.loss for b in whole.batches]


@pytest.mark.slow
@pytest.mark.parametrize("until", [1, 2, 3])
def test_a_training_that_rests_and_goes_on_gives_the_same_bits(until: int) -> None:
    whole = trainer()
    whole.run(Recorder(), nothing)
    resting, reporter = trainer(), Recorder()
    saved: list[Checkpoint] = []
    assert resting.run(reporter, saved.append, until=until) is Outcome.AT_RUNG
    assert len(reporter.epochs) == until
    assert resting.position == (until + 1, 0)
    torch.manual_seed(999)  # another process would have another generator
    resumed, reporter = trainer(), Recorder()
    resumed.restore(copy.deepcopy(saved[-1]))
    assert resumed.run(reporter, nothing) is Outcome.FINISHED
    assert reporter.epochs[0][0].epoch == until + 1
    same_result(resumed, whole)


@pytest.mark.slow
def test_a_training_may_rest_several_times_in_one_process() -> None:
    whole, subject = trainer(), trainer()
    whole.run(Recorder(), nothing)
    for until in (1, 2, 3):
        assert subject.run(Recorder(), nothing, until=until) is Outcome.AT_RUNG
    assert subject.run(Recorder(), nothing, until=4) is Outcome.FINISHED
    same_result(subject, whole)


def test_a_training_that_stands_at_the_rung_rests_without_another_batch() -> None:
    subject = trainer()
    subject.run(Recorder(), nothing, until=2)
    saved, reporter = subject.checkpoint(), Recorder()
    again = trainer()
    again.restore(copy.deepcopy(saved))
    assert again.run(reporter, nothing, until=2) is Outcome.AT_RUNG
    assert (reporter.batches, reporter.epochs) == ([], [])
    assert again.position == (3, 0)


def test_a_training_that_ends_at_the_rung_or_before_does_not_rest() -> None:
    assert trainer(replace(SETTINGS, epochs=2)).run(Recorder(), nothing, until=2) is (
        Outcome.FINISHED
    )
    reporter = Recorder()
    one_epoch = trainer(replace(SETTINGS, epochs=1))
    assert one_epoch.run(reporter, nothing, until=2) is Outcome.FINISHED
    assert len(reporter.epochs) == 1


def test_a_training_asked_to_stop_at_the_rung_rests() -> None:
    subject = trainer()
    assert subject.run(Recorder(2 * subject.batches), nothing, until=2) is Outcome.AT_RUNG


def test_a_training_asked_to_stop_before_the_rung_is_interrupted() -> None:
    subject = trainer()
    assert subject.run(Recorder(6), nothing, until=2) is Outcome.INTERRUPTED
    assert subject.position == (2, 6 - subject.batches)


SAMPLED = replace(SETTINGS, batch_size=64, negatives=2)
MANY = examples(400, one_in=8)
"""Of these an epoch with `SAMPLED` takes 120 of 320, in batches of 24."""


@pytest.mark.slow
def test_training_on_some_negatives_learns_the_category() -> None:
    reporter = Recorder()
    subject = trainer(replace(SAMPLED, epochs=20, patience=20), documents=MANY)
    assert subject.run(reporter, nothing) is Outcome.FINISHED
    assert subject.best_epoch is not None
    assert subject.best_epoch.validation.f1 > 0.9
    assert {batch.batches for batch in reporter.batches} == {5}
    assert sum(batch.documents for batch in reporter.batches) == 20 * 120


@pytest.mark.slow
@pytest.mark.parametrize("stop_after", [1, 7, 10, 13])
def test_sampled_training_resumes_to_the_same_bits(stop_after: int) -> None:
    whole = trainer(SAMPLED, documents=MANY)
    whole.run(Recorder(), nothing)
    saved: list[Checkpoint] = []
    interrupted = trainer(SAMPLED, documents=MANY)
    assert interrupted.run(Recorder(stop_after), saved.append) is Outcome.INTERRUPTED
    torch.manual_seed(999)
    resumed = trainer(SAMPLED, documents=MANY)
    resumed.restore(copy.deepcopy(saved[-1]))
    assert resumed.run(Recorder(), nothing) is Outcome.FINISHED
    same_result(resumed, whole)


def test_losses_of_a_sample_stand_for_all_documents() -> None:
    subject = trainer(replace(SAMPLED, dropout=0.0, learning_rate=1e-9, epochs=30), documents=MANY)
    expected = trainer(replace(SETTINGS, dropout=0.0, learning_rate=1e-9, epochs=1), documents=MANY)
    of_all, sampled = Recorder(), Recorder()
    expected.run(of_all, nothing)
    subject.run(sampled, nothing)
    losses = [result.training_loss for result, _ in sampled.epochs]
    mean = of_all.epochs[0][0].training_loss
    spread = 5 * np.std(losses) / math.sqrt(len(losses))
    assert 0 < spread < 0.05 * mean
    assert np.mean(losses) == pytest.approx(mean, abs=spread)


def test_a_finished_trial_restored_from_its_last_checkpoint_is_finished() -> None:
    saved: list[Checkpoint] = []
    subject = trainer()
    subject.run(Recorder(), saved.append)
    again = trainer()
    again.restore(saved[-1])
    reporter = Recorder()
    assert again.run(reporter, nothing) is Outcome.FINISHED
    assert reporter.batches == []
    assert again.best_epoch is not None


def test_frozen_embeddings_do_not_move_and_the_rest_does() -> None:
    parent = from_scratch(TABLE, TrialKey("parent", 1.0), SETTINGS).state_dict()
    table = parent["embeddings.weight"].clone()
    child = from_parent(parent, table, KEY, SETTINGS)
    before = {n: v.clone() for n, v in child.state_dict().items()}
    subject = trainer(network=child)
    subject.run(Recorder(), nothing)
    for name, value in child.state_dict().items():
        assert torch.equal(value, before[name]) == name.startswith("embeddings"), name
    assert subject.best_epoch is not None
    assert "embeddings.weight" not in subject.best_epoch.state


def test_every_epoch_is_another_permutation_of_all_documents() -> None:
    subject = trainer()
    seen: list[list[int]] = [[]]
    step = subject._step

    def spy(indices: np.ndarray[Any, np.dtype[np.int64]]) -> None:
        if len(seen[-1]) == len(subject._training):
            seen.append([])
        seen[-1].extend(indices.tolist())
        step(indices)

    subject._step = spy  # type: ignore[method-assign]
    subject.run(Recorder(), nothing)
    assert len(seen) >= 2
    assert all(sorted(epoch) == list(range(len(subject._training))) for epoch in seen)
    assert seen[0] != seen[1]


class Scripted(Trainer):
    """A trainer whose validation says what the test wants."""

    script: list[tuple[float, float]]

    def _validate(self) -> tuple[PrecisionRecallF1, float]:
        f1, loss = self.script[self._epoch - 1]
        return PrecisionRecallF1(f1, f1, f1), loss


def scripted(*script: tuple[float, float], patience: int = 3) -> tuple[Scripted, Recorder]:
    settings = replace(SETTINGS, epochs=len(script), patience=patience)
    training, validation = validation_split(examples(32), 0.2, 0, "topic")
    network = from_scratch(TABLE, KEY, settings)
    groups = parameter_groups(network, settings)
    subject = Scripted(network, groups, training, validation, KEY, settings, CPU)
    subject.script = list(script)
    reporter = Recorder()
    subject.run(reporter, nothing)
    return subject, reporter


def kept_epoch(subject: Trainer) -> int:
    assert subject.best_epoch is not None
    return subject.best_epoch.epoch


def test_the_epoch_with_the_best_f1_is_kept() -> None:
    subject, _ = scripted((0.2, 1.0), (0.8, 0.9), (0.5, 0.1), (0.6, 0.1))
    assert kept_epoch(subject) == 2


def test_of_equal_f1_the_lower_validation_loss_is_kept() -> None:
    subject, _ = scripted((0.5, 0.9), (0.5, 0.4), (0.5, 0.6))
    assert kept_epoch(subject) == 2


def test_training_stops_after_patience_epochs_without_better_f1() -> None:
    _, reporter = scripted((0.2, 1.0), (0.8, 1.0), (0.7, 1.0), (0.8, 0.5), (0.1, 1.0), (0.9, 1.0))
    assert len(reporter.epochs) == 5


def test_a_better_f1_starts_patience_anew() -> None:
    _, reporter = scripted((0.1, 1), (0.1, 1), (0.1, 1), (0.2, 1), (0.1, 1), (0.1, 1), (0.3, 1))
    assert len(reporter.epochs) == 7


def test_a_loss_that_is_not_finite_ends_the_trial_with_its_place() -> None:
    subject = trainer()
    with torch.no_grad():
        subject.network.output.bias.fill_(math.nan)
    with pytest.raises(TrainingError, match=r"epoch 1, batch 1.*--learning-rate"):
        subject.run(Recorder(), nothing)


def test_the_class_weight_multiplies_the_positive_term() -> None:
    training, validation = validation_split(examples(), 0.2, 0, "topic")
    losses = []
    for weight in (1.0, 4.0):
        key = TrialKey("topic", weight)
        network = from_scratch(TABLE, TrialKey("same start", 1.0), SETTINGS).eval()
        network.dropout.p = 0.0
        groups = parameter_groups(network, SETTINGS)
        subject = Trainer(network, groups, training, validation, key, SETTINGS, CPU)
        subject._step(np.arange(len(training)))
        losses.append(subject._unreported[-1][0].item())
    batch = training.batch(np.arange(len(training)), CPU)
    network = from_scratch(TABLE, TrialKey("same start", 1.0), SETTINGS).eval()
    probability = network(batch.tokens, batch.lengths).logits.squeeze(1).sigmoid()
    positive = -(batch.targets * probability.log()).mean().item()
    assert losses[1] - losses[0] == pytest.approx(3 * positive, rel=1e-4)


@pytest.mark.cuda
def test_training_on_cuda_learns_the_category() -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    device = torch.device("cuda:0")
    settings = replace(SETTINGS, epochs=12, patience=12)
    training, validation = validation_split(examples(), 0.2, settings.seed, KEY.category_id)
    network = from_scratch(TABLE, KEY, settings).to(device)
    groups = parameter_groups(network, settings)
    subject = Trainer(network, groups, training, validation, KEY, settings, device)
    saved: list[Checkpoint] = []
    assert subject.run(Recorder(7), saved.append) is Outcome.INTERRUPTED
    subject.restore(saved[-1])
    assert subject.run(Recorder(), nothing) is Outcome.FINISHED
    assert subject.best_epoch is not None
    assert subject.best_epoch.validation.f1 > 0.9


def several(number: int = 90) -> Examples:
    """The same documents with a second category, of every fifth."""
    one = examples(number)
    targets = np.stack((one.targets, np.arange(number) % 5 == 0), axis=1)
    return Examples(one.tokens, one.rows, targets, one.max_words)


def shared_trainer(pos_weight: list[float], rates: Any = decided) -> Trainer:
    training, validation = shared_validation_split(several(), 0.2, SETTINGS.seed)
    network = from_scratch(TABLE, KEY, SETTINGS, outputs=2)
    objective = Objective(torch.tensor(pos_weight), rates)
    groups = parameter_groups(network, SETTINGS)
    return Trainer(network, groups, training, validation, KEY, SETTINGS, CPU, objective)


def test_several_categories_are_trained_at_once_each_with_its_class_weight() -> None:
    whole = several()
    made = shared_trainer([2.0, 7.0])
    recorder = Recorder()
    made.run(recorder, lambda _: None)
    kept = made.best_epoch
    assert kept is not None
    result = recorder.epochs[kept.epoch - 1][0]
    _, validation = shared_validation_split(whole, 0.2, SETTINGS.seed)
    network = from_scratch(TABLE, KEY, SETTINGS, outputs=2)
    network.load_state_dict(kept.state)
    network.eval()
    batch = validation.batch(np.arange(len(validation)), CPU)
    with torch.no_grad():
        logits = network(batch.tokens, batch.lengths).logits
    p = torch.sigmoid(logits)
    weight = torch.tensor([2.0, 7.0])
    by_hand = -(weight * batch.targets * p.log() + (1 - batch.targets) * (1 - p).log()).mean()
    assert result.validation_loss == pytest.approx(float(by_hand), rel=1e-4)
    assert result.validation == decided(validation.targets, (logits >= 0).numpy())


def test_rates_of_the_objective_decide_which_epoch_is_kept() -> None:
    asked = []

    def worse_each_time(truth: Any, predicted: Any) -> PrecisionRecallF1:
        asked.append(truth.shape)
        return PrecisionRecallF1(0.0, 0.0, 1.0 / len(asked))

    made = shared_trainer([1.0, 1.0], worse_each_time)
    made.run(Recorder(), lambda _: None)
    assert made.best_epoch is not None
    assert made.best_epoch.epoch == 1
    assert len(asked) == 1 + SETTINGS.patience
    _, validation = shared_validation_split(several(), 0.2, SETTINGS.seed)
    assert set(asked) == {validation.targets.shape}


def test_penalty_of_the_network_is_part_of_what_is_minimised() -> None:
    class Pulled(GruAtt):
        def penalty(self) -> torch.Tensor:
            return 10.0 * self.output.weight.square().sum()

    plain, pulled = (cls(TABLE.clone(), 6, 0.0) for cls in (GruAtt, Pulled))
    pulled.load_state_dict(plain.state_dict())
    for network in (plain, pulled):
        trainer(network=network).run(Recorder(), lambda _: None)
    assert pulled.output.weight.norm() < 0.5 * plain.output.weight.norm()
