"""Many networks over one text at once, against each of them alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from core.models.gru_att import GruAtt
from core.models.gru_att_stack import GruAttStack
from core.text.vocabulary import PADDING, UNKNOWN

pytestmark = pytest.mark.slow

WORDS, DIMENSIONS, HIDDEN = 40, 5, 8
TEXTS = [[7], [UNKNOWN, 39], [3, 3, 3, 3], list(range(2, 40)), [11, 5, UNKNOWN, 23, 5]]


def table(seed: int, words: int = WORDS) -> Tensor:
    made = torch.randn(words, DIMENSIONS, generator=torch.Generator().manual_seed(seed))
    made[PADDING] = 0
    return made


def network(embeddings: Tensor, seed: int, hidden: int = HIDDEN, outputs: int = 1) -> GruAtt:
    """With parameters so large that every gate opens and closes."""
    made = GruAtt(embeddings, hidden, dropout=0.4, outputs=outputs).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if name != "embeddings.weight":
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.6)
    return made


@torch.no_grad()
def alone(one: GruAtt, text: list[int]) -> tuple[Tensor, Tensor]:
    found = one(torch.tensor([text]), torch.tensor([len(text)]))
    return found.logits[0, 0], found.attention[0]


def networks_of(order: str) -> list[GruAtt]:
    """A network for each letter, which names its embedding table."""
    tables = {letter: table(i) for i, letter in enumerate(sorted(set(order)))}
    return [network(tables[letter], seed) for seed, letter in enumerate(order)]


@pytest.mark.parametrize(
    "order", ["a", "aaaa", "abacbac", "abc", "a" * 60, "ab" * 27 + "c", "c" * 25 + "a" * 26]
)
@pytest.mark.parametrize("text", TEXTS, ids=[f"{len(t)} words" for t in TEXTS])
def test_every_network_says_in_the_stack_what_it_says_alone(order: str, text: list[int]) -> None:
    networks = networks_of(order)
    wanted = [alone(one, text) for one in networks]
    found = GruAttStack(networks).scores(text)
    assert found.logits.shape == (len(order),)
    assert found.attention.shape == (len(order), len(text))
    torch.testing.assert_close(
        found.logits, torch.stack([logit for logit, _ in wanted]), rtol=1e-5, atol=1e-5
    )
    torch.testing.assert_close(
        found.attention, torch.stack([weights for _, weights in wanted]), rtol=1e-5, atol=1e-5
    )
    # The networks have not lost anything by it.
    for one, (logit, weights) in zip(networks, wanted, strict=True):
        again, attention = alone(one, text)
        assert torch.equal(again, logit)
        assert torch.equal(attention, weights)


def test_tables_may_have_different_numbers_of_words() -> None:
    networks = [network(table(0, 10), 0), network(table(1, 200), 1), network(table(2, 11), 2)]
    text = [9, 4, 9, 2]
    wanted = torch.stack([alone(one, text)[0] for one in networks])
    torch.testing.assert_close(
        GruAttStack(networks).scores(text).logits, wanted, rtol=1e-5, atol=1e-5
    )


def test_words_are_read_from_the_networks_own_tables() -> None:
    shared = table(0)
    networks = [network(shared, 0), network(shared, 1)]
    stack = GruAttStack(networks)
    assert all(one.embeddings.weight.data_ptr() == shared.data_ptr() for one in networks)
    before = stack.scores([3, 4]).logits
    shared[3] += 1.0
    assert not torch.allclose(stack.scores([3, 4]).logits, before)


def test_parameters_of_all_networks_lie_in_the_memory_of_the_stack() -> None:
    networks = networks_of("abab")
    stack = GruAttStack(networks)
    for name in (
        *("forward_gru.weight_ih_l0", "forward_gru.bias_ih_l0", "forward_gru.bias_hh_l0"),
        *("attention.projection.weight", "attention.context", "output.weight", "output.bias"),
    ):
        places = {one.get_parameter(name).untyped_storage().data_ptr() for one in networks}
        assert len(places) == 1, name
    before = stack.scores([3, 4]).logits.clone()
    with torch.no_grad():
        networks[2].output.bias.add_(1.0)
    moved = stack.scores([3, 4]).logits - before
    torch.testing.assert_close(moved, torch.tensor([0.0, 0.0, 1.0, 0.0]))


def test_a_second_stack_of_the_same_networks_says_the_same() -> None:
    networks = networks_of("aba")
    first = GruAttStack(networks).scores([5, 6, 7]).logits
    assert torch.equal(GruAttStack(networks[::-1]).scores([5, 6, 7]).logits.flip(0), first)


@pytest.mark.parametrize(
    "others",
    [
        lambda: [network(table(0), 1, hidden=HIDDEN + 1)],
        lambda: [network(table(0), 1, outputs=2)],
        lambda: [network(torch.randn(WORDS, DIMENSIONS + 1), 1)],
    ],
    ids=["hidden units", "outputs", "dimensions"],
)
def test_networks_of_different_sizes_are_refused(others: object) -> None:
    assert callable(others)
    with pytest.raises(ValueError, match="the same sizes"):
        GruAttStack([network(table(0), 0), *others()])


def test_networks_with_several_outputs_each_are_refused() -> None:
    with pytest.raises(ValueError, match="one output each"):
        GruAttStack([network(table(0), seed, outputs=3) for seed in range(2)])


def test_no_network_is_no_stack() -> None:
    with pytest.raises(ValueError, match="networks in a stack"):
        GruAttStack([])
