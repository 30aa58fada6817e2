"""The packed network and its written-out gradient against `GruAtt` under autograd."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from core.models.dropout import keep_factors
from core.models.gru_att import GruAtt
from core.models.packed_gru_att import PackedGruAtt
from core.models.packing import PackedDocuments, pack
from core.text.token_arrays import TokenArrays
from core.text.vocabulary import PADDING

DIMENSIONS, HIDDEN, OUTPUTS, WORDS = 5, 6, 2, 900
WIDTH = 2 * HIDDEN

LENGTHS: dict[str, Sequence[int]] = {
    "ragged": [3, 9, 1, 4, 4, 7, 1, 2],
    "one document": [6],
    "one word": [1],
    "documents of one word": [1] * 20,
    "all of one length": [5] * 17,
    "one long among short": [40, 1, 1],
    "as many as a block": [32] * 16,
    "one more than a block": [*[32] * 15, 31, 2],
    "several blocks": [1 + (i * 7) % 34 for i in range(130)],
}
every_shape = pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)


def batch_of(lengths: Sequence[int], seed: int = 0) -> PackedDocuments:
    draw = np.random.default_rng(seed)
    tokens = TokenArrays.of([draw.integers(1, WORDS, size=n).tolist() for n in lengths])
    seen = np.zeros(WORDS, dtype=np.int64)
    return pack(tokens, np.arange(len(lengths), dtype=np.int64), 100, seen)


def tiny_network(seed: int = 3) -> GruAtt:
    """In 32-bit floats, with parameters so large that every gate opens and closes."""
    torch.manual_seed(seed)
    embeddings = torch.randn(WORDS, DIMENSIONS)
    embeddings[PADDING] = 0
    network = GruAtt(embeddings, HIDDEN, dropout=0.4, outputs=OUTPUTS).eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name != "embeddings.weight":
                parameter.normal_(0, 0.6)
    return network


def logits(
    runner: PackedGruAtt, network: GruAtt, batch: PackedDocuments, keep: Tensor | None = None
) -> Tensor:
    embedded = nn.functional.embedding(batch.words, network.embeddings.weight)
    return runner.logits(batch, embedded, keep)


def padded(batch: PackedDocuments, values: Tensor) -> Tensor:
    """What belongs to each token (tokens, ...) as (documents, time, ...), in the same order."""
    inside = torch.arange(len(batch.counts))[:, None] < batch.lengths
    out = torch.zeros(*inside.shape, *values.shape[1:], dtype=values.dtype)
    out[inside] = values
    return out.transpose(0, 1)


class Multiply(nn.Module):
    """Stands in for dropout, with factors that are given."""

    def __init__(self, factors: Tensor) -> None:
        super().__init__()
        self._factors = factors

    def forward(self, states: Tensor) -> Tensor:
        return states * self._factors


def reference_logits(network: GruAtt, batch: PackedDocuments, keep: Tensor | None = None) -> Tensor:
    if keep is not None:
        network.dropout = Multiply(padded(batch, keep))  # type: ignore[assignment]
    result: Tensor = network(padded(batch, batch.words[batch.indices]), batch.lengths).logits
    return result


def weighed(values: Tensor) -> Tensor:
    """A sum in which every number counts differently, so that all gradients differ."""
    generator = torch.Generator().manual_seed(5)
    return (values * torch.randn(values.shape, generator=generator).to(values)).sum()


def gradients(network: GruAtt) -> dict[str, Tensor]:
    found = {n: p.grad for n, p in network.named_parameters() if p.grad is not None}
    assert len(found) == len(list(network.parameters()))
    return {name: gradient.clone() for name, gradient in found.items()}


def all_near(got: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert got.keys() == expected.keys()
    for name, gradient in expected.items():
        largest = gradient.abs().max().item()
        assert largest > 0, name
        off = (got[name] - gradient).abs().max().item()
        assert off < 1e-4 * largest, name


def keep_of(batch: PackedDocuments, dropout: float = 0.4, seed: int = 1) -> Tensor:
    return keep_factors(batch.total, WIDTH, dropout, seed)


@every_shape
def test_logits_are_those_of_the_padded_network(lengths: Sequence[int]) -> None:
    network, batch = tiny_network(), batch_of(lengths)
    with torch.no_grad():
        got = logits(PackedGruAtt(network), network, batch)
        expected = reference_logits(network, batch)
    assert got.shape == (len(lengths), OUTPUTS)
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=2e-5)


@pytest.mark.slow
@every_shape
@pytest.mark.parametrize("dropout", [None, 0.4, 0.9])
def test_gradients_are_those_of_autograd(lengths: Sequence[int], dropout: float | None) -> None:
    network, batch = tiny_network(), batch_of(lengths)
    reference = copy.deepcopy(network).double()
    keep = None if dropout is None else keep_of(batch, dropout)
    got = logits(PackedGruAtt(network), network, batch, keep)
    expected = reference_logits(reference, batch, None if keep is None else keep.double())
    torch.testing.assert_close(got.double(), expected, rtol=1e-5, atol=2e-5)
    weighed(got).backward()  # type: ignore[no-untyped-call]
    weighed(expected).backward()  # type: ignore[no-untyped-call]
    wanted = {name: gradient.float() for name, gradient in gradients(reference).items()}
    found = gradients(network)
    if set(lengths) == {1}:  # softmax of one number
        for name in [n for n in wanted if n.startswith("attention")]:
            assert wanted.pop(name).abs().max() < 1e-12
            assert found.pop(name).abs().max() < 1e-6
        for name in [n for n in wanted if n.endswith("weight_hh_l0")]:
            assert not wanted.pop(name).any()
            assert not found.pop(name).any()
    all_near(found, wanted)


def test_words_that_come_often_get_the_sum_of_their_gradients() -> None:
    network = tiny_network()
    tokens = TokenArrays.of([[7, 7, 7], [7, 8], [8]])
    batch = pack(tokens, np.arange(3), 100, np.zeros(WORDS, dtype=np.int64))
    reference = copy.deepcopy(network)
    weighed(logits(PackedGruAtt(network), network, batch)).backward()  # type: ignore[no-untyped-call]
    weighed(reference_logits(reference, batch)).backward()  # type: ignore[no-untyped-call]
    all_near(gradients(network), gradients(reference))


def test_of_states_that_are_equally_high_the_gradient_goes_to_one() -> None:
    network, batch = tiny_network(), batch_of(LENGTHS["ragged"])
    with torch.no_grad():
        for gru in (network.forward_gru, network.backward_gru):
            gru.get_parameter("weight_ih_l0").zero_()
            gru.get_parameter("weight_hh_l0").zero_()
            # z = 0: every state is the candidate.
            gru.get_parameter("bias_ih_l0")[HIDDEN : 2 * HIDDEN] = -200.0
    reference = copy.deepcopy(network)
    weighed(logits(PackedGruAtt(network), network, batch)).backward()  # type: ignore[no-untyped-call]
    weighed(reference_logits(reference, batch)).backward()  # type: ignore[no-untyped-call]
    found, wanted = gradients(network), gradients(reference)
    for name in ("forward_gru.bias_ih_l0", "backward_gru.bias_hh_l0"):
        all_near({name: found[name]}, {name: wanted[name]})


def test_frozen_embeddings_get_no_gradient_and_the_rest_the_same() -> None:
    network, batch = tiny_network(), batch_of(LENGTHS["ragged"])
    frozen = copy.deepcopy(network)
    frozen.embeddings.weight.requires_grad_(False)
    for one in (network, frozen):
        weighed(logits(PackedGruAtt(one), one, batch, keep_of(batch))).backward()  # type: ignore[no-untyped-call]
    assert frozen.embeddings.weight.grad is None
    for name, parameter in frozen.named_parameters():
        if parameter.grad is not None:
            assert torch.equal(parameter.grad, gradients(network)[name]), name


def test_the_slope_along_a_direction_is_the_gradients() -> None:
    network, batch = tiny_network(), batch_of(LENGTHS["ragged"])
    runner, keep = PackedGruAtt(network), keep_of(batch)
    weighed(logits(runner, network, batch, keep)).backward()  # type: ignore[no-untyped-call]
    for name, gradient in gradients(network).items():
        parameter = network.get_parameter(name)
        direction = gradient / gradient.norm()
        values = []
        for step in (0.01, -0.01):
            moved = copy.deepcopy(network)
            with torch.no_grad():
                moved.get_parameter(name).copy_(parameter + step * direction)
                values.append(weighed(logits(PackedGruAtt(moved), moved, batch, keep)).item())
        slope = (values[0] - values[1]) / 0.02
        assert slope == pytest.approx(gradient.norm().item(), rel=0.01), name


Outcome = dict[str, Tensor]


def outcome(
    runner: PackedGruAtt, network: GruAtt, batch: PackedDocuments, keep: Tensor | None
) -> Outcome:
    """Logits and gradients of one batch."""
    network.zero_grad()
    scores = logits(runner, network, batch, keep)
    weighed(scores).backward()  # type: ignore[no-untyped-call]
    return {"logits": scores.detach(), **gradients(network)}


def same_bits(left: Outcome, right: Outcome) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[n], right[n]) for n in left)


@pytest.mark.slow
@pytest.mark.parametrize("before", ["several blocks", "ragged", "one long among short"])
@pytest.mark.parametrize("shape", ["ragged", "one more than a block", "several blocks"])
@pytest.mark.parametrize("with_dropout", [False, True])
def test_what_the_buffers_held_changes_nothing(before: str, shape: str, with_dropout: bool) -> None:
    network = tiny_network()
    earlier, batch = batch_of(LENGTHS[before], seed=8), batch_of(LENGTHS[shape])
    keep = keep_of(batch) if with_dropout else None
    fresh = outcome(PackedGruAtt(network), network, batch, keep)
    runner = PackedGruAtt(network)
    outcome(runner, network, earlier, keep_of(earlier, seed=2))
    assert same_bits(outcome(runner, network, batch, keep), fresh)
    assert same_bits(outcome(runner, network, batch, keep), fresh)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("before", ["one long among short", "several blocks"])
def test_scoring_between_batches_changes_nothing(mode: Callable[[], Any], before: str) -> None:
    network, batch = tiny_network(), batch_of(LENGTHS["one more than a block"])
    scored = batch_of(LENGTHS[before], seed=8)
    keep = keep_of(batch)
    fresh = outcome(PackedGruAtt(network), network, batch, keep)
    with mode():
        alone = logits(PackedGruAtt(network), network, scored)
    runner = PackedGruAtt(network)
    for _ in range(2):
        with mode():
            assert torch.equal(logits(runner, network, scored), alone)
        assert same_bits(outcome(runner, network, batch, keep), fresh)


def test_scoring_alone_keeps_nothing_and_gives_the_same_as_training_without_dropout() -> None:
    network, batch = tiny_network(), batch_of(LENGTHS["several blocks"])
    runner = PackedGruAtt(network)
    with torch.no_grad():
        scored = logits(runner, network, batch)
    assert not scored.requires_grad
    assert torch.equal(scored, logits(runner, network, batch).detach())


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_a_gradient_asked_for_after_the_next_batch_is_refused(mode: Callable[[], Any]) -> None:
    network = tiny_network()
    runner = PackedGruAtt(network)
    first, second = batch_of(LENGTHS["ragged"]), batch_of(LENGTHS["one document"], seed=4)
    late = weighed(logits(runner, network, first))
    with mode():
        logits(runner, network, second)
    with pytest.raises(RuntimeError, match="before the next batch"):
        late.backward()  # type: ignore[no-untyped-call]


def test_two_runners_do_not_share_buffers() -> None:
    network = tiny_network()
    batches = [batch_of(LENGTHS["ragged"], seed) for seed in (1, 2)]
    expected = [outcome(PackedGruAtt(network), network, batch, None) for batch in batches]
    losses = [weighed(logits(PackedGruAtt(network), network, batch)) for batch in batches]
    for loss, wanted in zip(losses, expected, strict=True):
        network.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        assert same_bits({"logits": wanted["logits"], **gradients(network)}, wanted)


@pytest.mark.slow
def test_fifty_updates_follow_those_of_the_padded_network() -> None:
    packed_network = tiny_network()
    reference = copy.deepcopy(packed_network)
    runner = PackedGruAtt(packed_network)
    draw = np.random.default_rng(6)
    batches = [batch_of(draw.integers(1, 12, size=20).tolist(), seed) for seed in range(5)]
    targets = [torch.randint(0, 2, (20, OUTPUTS)).float() for _ in batches]
    adams = [torch.optim.Adam(n.parameters(), lr=0.01) for n in (packed_network, reference)]
    losses: list[tuple[float, float]] = []
    for step in range(50):
        batch, keep = batches[step % 5], keep_of(batches[step % 5], seed=step)
        outputs = (
            logits(runner, packed_network, batch, keep),
            reference_logits(reference, batch, keep),
        )
        both = []
        for output, adam in zip(outputs, adams, strict=True):
            loss = nn.functional.binary_cross_entropy_with_logits(output, targets[step % 5])
            adam.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            adam.step()
            both.append(loss.item())
        losses.append((both[0], both[1]))
    for ours, theirs in losses:
        assert ours == pytest.approx(theirs, rel=1e-4)
    assert losses[-1][0] < losses[0][0] / 2
