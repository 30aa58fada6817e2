"""Running a network over documents: packed and padded passes are the same function."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.corpus.examples import Examples, Rows
from core.models.gru_att import GruAtt
from core.text.token_arrays import TokenArrays
from core.text.vocabulary import PADDING
from core.training.passes import PackedPass, PaddedPass, Pass, pass_for
from core.training.resident import ResidentDocuments

WORDS, DIMENSIONS, HIDDEN, MAX_WORDS = 40, 5, 6, 8
CPU = torch.device("cpu")
TRAINING_WORDS, CUT_OFF = range(2, 25), 26
"""Words of the documents that train, and one that is beyond their first `MAX_WORDS`."""


def documents(number: int = 50) -> TokenArrays:
    """The first half has words below 25 and, far behind, `CUT_OFF`; the second has all words."""
    draw = np.random.default_rng(4)
    rows = [draw.integers(2, 25, size=draw.integers(1, 9)).tolist() for _ in range(number // 2)]
    rows[3] = [*(rows[3] * MAX_WORDS)[:MAX_WORDS], CUT_OFF]
    rows[5] = list(TRAINING_WORDS)[:MAX_WORDS]
    rows += [draw.integers(1, WORDS, size=draw.integers(1, 12)).tolist() for _ in rows]
    return TokenArrays.of(rows)


TOKENS = documents()


def examples(first: int, last: int) -> Examples:
    rows: Rows = np.arange(first, last, dtype=np.int64)[::-1].copy()
    return Examples(TOKENS, rows, rows % 3 == 0, MAX_WORDS)


TRAINING, OTHERS = examples(0, 25), examples(25, 50)


def tiny_network(dropout: float = 0.0) -> GruAtt:
    torch.manual_seed(3)
    embeddings = torch.randn(WORDS, DIMENSIONS)
    embeddings[PADDING] = 0
    network = GruAtt(embeddings, HIDDEN, dropout)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name != "embeddings.weight":
                parameter.normal_(0, 0.5)
    return network


def places(number: int, seed: int, size: int | None = None) -> Rows:
    drawn: Rows = np.random.default_rng(seed).permutation(number)[:size].astype(np.int64)
    return drawn


def train(runner: Pass, steps: int = 6, learning_rate: float = 0.01) -> list[float]:
    """Adam on all that is trained; losses of the batches."""
    table = runner.network.embeddings.weight
    parameters = [
        runner.embeddings() if parameter is table else parameter
        for parameter in runner.network.parameters()
        if parameter.requires_grad
    ]
    adam = torch.optim.Adam(parameters, lr=learning_rate)
    losses = []
    for step in range(steps):
        logits, targets = runner.training(TRAINING, places(len(TRAINING), step, 12), step)
        loss = nn.functional.binary_cross_entropy_with_logits(logits, targets)
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("chosen_of", [TRAINING, OTHERS])
def test_packed_and_padded_scores_agree_in_any_order(chosen_of: Examples, seed: int) -> None:
    network = tiny_network(dropout=0.4)
    chosen = places(len(chosen_of), seed, 1 + 6 * seed)
    packed = PackedPass(network).scores(chosen_of, chosen)
    padded = PaddedPass(network, CPU).scores(chosen_of, chosen)
    assert packed.shape == (len(chosen),)
    assert not packed.requires_grad
    assert not padded.requires_grad
    torch.testing.assert_close(packed, padded, rtol=1e-5, atol=1e-5)


def test_scores_come_in_the_order_of_the_documents_asked_for() -> None:
    runner = PackedPass(tiny_network())
    chosen = places(len(OTHERS), 1)
    together = runner.scores(OTHERS, chosen)
    for place, score in zip(chosen, together, strict=True):
        torch.testing.assert_close(runner.scores(OTHERS, np.array([place])), score[None])


def test_each_logit_of_a_training_batch_has_its_target() -> None:
    runner = PackedPass(tiny_network(), TRAINING)
    chosen = places(len(TRAINING), 2, 15)
    logits, targets = runner.training(TRAINING, chosen, seed=1)
    truth = torch.from_numpy(TRAINING.targets[chosen]).float()
    scores = runner.scores(TRAINING, chosen)
    got = sorted(zip(logits.tolist(), targets.tolist(), strict=True))
    for (logit, target), (score, wanted) in zip(
        got, sorted(zip(scores.tolist(), truth.tolist(), strict=True)), strict=True
    ):
        assert logit == pytest.approx(score, rel=1e-5)
        assert target == wanted
    assert targets.dtype == torch.float32


def test_dropout_comes_from_the_seed_and_only_in_training() -> None:
    runner = PackedPass(tiny_network(dropout=0.4), TRAINING)
    chosen = places(len(TRAINING), 2)
    first, again, other = (runner.training(TRAINING, chosen, seed).logits for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(runner.scores(TRAINING, chosen), runner.scores(TRAINING, chosen))


def test_training_moves_the_words_of_the_training_documents_and_no_other() -> None:
    network = tiny_network(dropout=0.4)
    before = network.embeddings.weight.detach().clone()
    runner = PackedPass(network, TRAINING)
    train(runner, steps=12)
    assert torch.equal(network.embeddings.weight, before)
    runner.settle()
    moved = (network.embeddings.weight != before).any(dim=1).nonzero().squeeze(1).tolist()
    assert moved == TRAINING.words().tolist()
    assert CUT_OFF not in moved
    assert runner.embeddings().shape == (len(moved), DIMENSIONS)


def test_scores_follow_the_trained_embeddings_once_they_are_settled() -> None:
    runner = PackedPass(tiny_network(), TRAINING)
    train(runner)
    chosen = places(len(OTHERS), 1)
    lagging = runner.scores(OTHERS, chosen)
    runner.settle()
    settled = runner.scores(OTHERS, chosen)
    assert not torch.equal(settled, lagging)
    padded = PaddedPass(runner.network, CPU).scores(OTHERS, chosen)
    torch.testing.assert_close(settled, padded, rtol=1e-5, atol=1e-5)


def test_reload_takes_the_networks_embeddings_and_settle_gives_them_back() -> None:
    trained = PackedPass(tiny_network(), TRAINING)
    train(trained)
    trained.settle()
    other = PackedPass(tiny_network(), TRAINING)
    asked = other.embeddings()
    other.network.load_state_dict(trained.network.state_dict())
    other.reload()
    assert other.embeddings() is asked
    assert torch.equal(asked, trained.embeddings())
    assert torch.equal(
        other.training(TRAINING, places(25, 1), 1).logits,
        trained.training(TRAINING, places(25, 1), 1).logits,
    )
    other.settle()
    assert torch.equal(other.network.embeddings.weight, trained.network.embeddings.weight)


def test_adam_over_the_trained_rows_is_adam_over_the_whole_table() -> None:
    packed = PackedPass(tiny_network(), TRAINING)
    padded = PaddedPass(tiny_network(), CPU, TRAINING)
    ours, theirs = train(packed, steps=15), train(padded, steps=15)
    packed.settle()
    assert ours == pytest.approx(theirs, rel=1e-4)
    expected = dict(padded.network.named_parameters())
    for name, parameter in packed.network.named_parameters():
        torch.testing.assert_close(parameter, expected[name], rtol=0, atol=2e-4, msg=name)
    assert not torch.equal(packed.network.embeddings.weight, tiny_network().embeddings.weight)


def test_frozen_embeddings_are_shared_and_stay_as_they_are() -> None:
    network = tiny_network()
    network.embeddings.weight.requires_grad_(False)
    before = network.embeddings.weight.clone()
    runner = PackedPass(network, TRAINING)
    assert runner.embeddings() is network.embeddings.weight
    padded = PaddedPass(copy.deepcopy(network), CPU, TRAINING)
    assert train(runner) == pytest.approx(train(padded), rel=1e-4)
    runner.settle()
    runner.reload()
    assert torch.equal(network.embeddings.weight, before)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("size", [1, 2, 13, None])
def test_resident_batches_are_those_of_the_examples(seed: int, size: int | None) -> None:
    resident = ResidentDocuments(TRAINING, CPU)
    chosen = places(len(TRAINING), seed, size)
    got, expected = resident.batch(chosen), TRAINING.batch(chosen, CPU)
    for name in ("tokens", "lengths", "targets"):
        ours: Tensor = getattr(got, name)
        theirs: Tensor = getattr(expected, name)
        assert ours.dtype == theirs.dtype, name
        assert torch.equal(ours, theirs), name


def test_padded_training_is_the_same_with_resident_documents_and_without() -> None:
    network = tiny_network()
    chosen = places(len(TRAINING), 1, 9)
    resident = PaddedPass(network, CPU, TRAINING).training(TRAINING, chosen, 1)
    cut_here = PaddedPass(network, CPU).training(TRAINING, chosen, 1)
    assert torch.equal(resident.logits, cut_here.logits)
    assert torch.equal(resident.targets, cut_here.targets)


def test_other_documents_than_the_resident_ones_may_train() -> None:
    network = tiny_network()
    chosen = places(len(OTHERS), 1, 9)
    got = PaddedPass(network, CPU, TRAINING).training(OTHERS, chosen, 1)
    torch.testing.assert_close(got.logits, PaddedPass(network, CPU).scores(OTHERS, chosen))
    assert got.targets.tolist() == OTHERS.targets[chosen].tolist()


def test_padded_passes_drop_in_training_only() -> None:
    runner = PaddedPass(tiny_network(dropout=0.4), CPU, TRAINING)
    chosen = places(len(TRAINING), 2)
    expected = runner.scores(TRAINING, chosen)
    assert not torch.equal(
        runner.training(TRAINING, chosen, 1).logits, runner.training(TRAINING, chosen, 1).logits
    )
    assert torch.equal(runner.scores(TRAINING, chosen), expected)


def test_mixed_precision_stays_near_to_float32_and_is_not_it() -> None:
    network = tiny_network()
    chosen = places(len(TRAINING), 1)
    full = PaddedPass(network, CPU, TRAINING).training(TRAINING, chosen, 1).logits
    mixed = PaddedPass(network, CPU, TRAINING, "mixed")
    for logits in (mixed.training(TRAINING, chosen, 1).logits, mixed.scores(TRAINING, chosen)):
        assert logits.dtype == torch.float32
        assert logits.isfinite().all()
        assert not torch.equal(logits, full)
        torch.testing.assert_close(logits, full, rtol=0.05, atol=0.05)


@pytest.mark.slow
def test_mixed_precision_trains_parameters_in_float32() -> None:
    runner = PaddedPass(tiny_network(), CPU, TRAINING, "mixed")
    losses = train(runner, steps=25, learning_rate=0.02)
    assert losses[-1] < losses[0] / 2
    assert {parameter.dtype for parameter in runner.network.parameters()} == {torch.float32}


def test_the_cpu_gets_the_packed_pass_and_other_devices_the_padded_one() -> None:
    network = tiny_network()
    for precision in ("float32", "mixed"):
        runner = pass_for(network, CPU, TRAINING, precision)
        assert isinstance(runner, PackedPass)
        assert runner.network is network
        assert isinstance(pass_for(network, torch.device("cuda"), None, precision), PaddedPass)
    assert isinstance(pass_for(network, CPU), PackedPass)


def test_packed_and_padded_give_the_same_for_several_outputs() -> None:
    torch.manual_seed(3)
    network = GruAtt(torch.randn(WORDS, DIMENSIONS), HIDDEN, 0.0, outputs=4)
    targets = np.random.default_rng(0).random((len(OTHERS), 4)) < 0.5
    several = Examples(TOKENS, OTHERS.rows, targets, MAX_WORDS)
    chosen = places(len(several), 1, 9)
    packed, padded = PackedPass(network), PaddedPass(network, CPU)
    scores = packed.scores(several, chosen)
    assert scores.shape == (9, 4)
    torch.testing.assert_close(scores, padded.scores(several, chosen))
    got = packed.training(several, chosen, 0)
    expected = padded.training(several, chosen, 0)
    assert got.logits.shape == got.targets.shape == (9, 4)
    assert got.targets.sum() == expected.targets.sum() == targets[chosen].sum()
    losses = [
        nn.functional.binary_cross_entropy_with_logits(made.logits, made.targets)
        for made in (got, expected)
    ]
    torch.testing.assert_close(*losses)


def test_one_category_of_a_shared_model_keeps_its_column() -> None:
    torch.manual_seed(3)
    network = GruAtt(torch.randn(WORDS, DIMENSIONS), HIDDEN, 0.0, outputs=1)
    one = Examples(TOKENS, OTHERS.rows, OTHERS.targets[:, None], MAX_WORDS)
    chosen = places(len(one), 1, 5)
    for runner in (PackedPass(network), PaddedPass(network, CPU)):
        assert runner.scores(one, chosen).shape == (5, 1)
        assert runner.scores(OTHERS, chosen).shape == (5,)
