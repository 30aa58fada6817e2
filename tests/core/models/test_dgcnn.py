"""DGCNN against its layers computed one by one, and its regularisation against sums by hand."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from core.corpus.taxonomy import Edge, Taxonomy
from core.models.dgcnn import Dgcnn, RelatedOutputs
from core.settings import TrainingSettings
from core.text.vocabulary import PADDING
from core.text.word_graph import GRID, NEIGHBOURS, NODES
from core.training.epochs import TrialKey
from core.training.initialisation import new_dgcnn

WORDS, DIMENSIONS, OUTPUTS = 12, 4, 3
LENGTHS = torch.tensor([GRID, GRID])

TREE = Taxonomy(
    [
        Edge("animals", None, "Animals"),
        Edge("cats", "animals", "Cats"),
        Edge("dogs", "animals", "Dogs"),
        Edge("birds", "animals", "Birds"),
        Edge("puppies", "dogs", "Puppies"),
        Edge("hounds", "dogs", "Hounds"),
        Edge("food", None, "Food"),
        Edge("bread", "food", "Bread"),
        Edge("rye", "bread", "Rye"),
    ]
)
PRESENT = ["puppies", "cats", "animals", "rye", "dogs", "hounds", "food", "birds"]
"""Not in the taxonomy's order, and without bread, which is between rye and food."""


def table() -> Tensor:
    embeddings = torch.randn(WORDS, DIMENSIONS, generator=torch.Generator().manual_seed(1))
    embeddings[PADDING] = 0
    return embeddings


def small_network() -> Dgcnn:
    torch.manual_seed(5)
    return Dgcnn(table(), OUTPUTS)


def grids() -> Tensor:
    """Two documents; the second has 5 nodes with 6 words each, then padding."""
    tokens = torch.randint(1, WORDS, (2, GRID), generator=torch.Generator().manual_seed(2))
    cells = tokens.view(2, NODES, NEIGHBOURS)
    cells[1, 5:] = PADDING
    cells[1, :, 6:] = PADDING
    return tokens


def weights(number: int, seed: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(number, 7, generator=generator, dtype=torch.float64)


def test_there_is_a_logit_for_each_document_and_output_and_no_attention() -> None:
    encoded = small_network()(grids(), LENGTHS)
    assert encoded.logits.shape == (2, OUTPUTS)
    assert encoded.attention is None


def test_logits_equal_the_layers_computed_step_by_step() -> None:
    network = small_network()
    state = network.state_dict()
    tokens = grids()
    image = torch.zeros(2, DIMENSIONS, NODES, NEIGHBOURS)
    for document in range(2):
        for place, word in enumerate(tokens[document].tolist()):
            node, neighbour = divmod(place, NEIGHBOURS)
            image[document, :, node, neighbour] = state["embeddings.weight"][word]

    def convolved(features: Tensor, layer: int, padding: tuple[int, int]) -> Tensor:
        weight = state[f"convolutions.{layer}.weight"]
        return F.conv2d(features, weight, state[f"convolutions.{layer}.bias"], padding=padding)

    def linear(features: Tensor, layer: str) -> Tensor:
        return F.linear(features, state[f"{layer}.weight"], state[f"{layer}.bias"])

    features = F.max_pool2d(F.relu(convolved(image, 0, (1, 1))), (2, 1))
    assert features.shape == (2, 64, 48, 10)
    features = F.max_pool2d(F.relu(convolved(features, 3, (1, 0))), (2, 2))
    assert features.shape == (2, 128, 24, 5)
    features = F.max_pool2d(F.relu(convolved(features, 6, (1, 0))), (2, 2))
    assert features.shape == (2, 256, 12, 2)
    features = F.relu(linear(features.reshape(2, -1), "hidden.0"))
    assert features.shape == (2, 1024)
    features = F.relu(linear(features, "hidden.2"))
    assert features.shape == (2, 512)
    expected = linear(features, "output")
    torch.testing.assert_close(network(tokens, LENGTHS).logits, expected, rtol=1e-5, atol=1e-6)


def test_kernels_have_the_sizes_of_the_published_code() -> None:
    shapes = {name: tuple(value.shape) for name, value in small_network().state_dict().items()}
    assert shapes["convolutions.0.weight"] == (64, DIMENSIONS, 3, 3)
    assert shapes["convolutions.3.weight"] == (128, 64, 3, 1)
    assert shapes["convolutions.6.weight"] == (256, 128, 3, 1)
    assert shapes["hidden.0.weight"] == (1024, 256 * 12 * 2)


def test_padding_cells_are_vectors_of_zeros() -> None:
    network, seen = small_network(), list[Tensor]()
    network.convolutions.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    tokens = grids()
    network(tokens, LENGTHS)
    padded = (tokens == PADDING).view(2, NODES, NEIGHBOURS)
    vectors = seen[0].permute(0, 2, 3, 1)
    assert padded[1].any()
    assert (vectors[padded] == 0).all()
    assert (vectors[~padded] != 0).any(dim=1).all()


def test_padding_stays_zero_when_embeddings_are_trained() -> None:
    network = small_network()
    network(grids(), LENGTHS).logits.square().sum().backward()
    gradient = network.embeddings.weight.grad
    assert gradient is not None
    assert (gradient[PADDING] == 0).all()
    assert (gradient[1:] != 0).any(dim=1).all()


def test_documents_of_a_batch_do_not_touch_each_other() -> None:
    network, tokens = small_network(), grids()
    together = network(tokens, LENGTHS).logits
    for i in range(2):
        alone = network(tokens[i : i + 1], LENGTHS[:1]).logits[0]
        torch.testing.assert_close(together[i], alone, rtol=1e-5, atol=1e-6)


def test_embeddings_are_taken_as_they_are() -> None:
    embeddings = table()
    network = Dgcnn(embeddings, OUTPUTS)
    assert network.embeddings.weight.data_ptr() == embeddings.data_ptr()


@pytest.mark.parametrize("frozen", [True, False])
def test_a_frozen_embedding_gets_no_gradient(frozen: bool) -> None:
    key = TrialKey("topic", 1.0)
    network = new_dgcnn(table(), key, TrainingSettings(), OUTPUTS, frozen=frozen)
    network(grids(), LENGTHS).logits.sum().backward()
    assert (network.embeddings.weight.grad is None) == frozen
    trained = {name for name, parameter in network.named_parameters() if parameter.grad is not None}
    assert {"convolutions.0.weight", "hidden.0.weight", "output.weight"} <= trained


def test_parents_distance_is_half_the_squares_of_the_differences() -> None:
    related = RelatedOutputs.of(["animals", "cats", "puppies", "dogs"], TREE, "parents")
    rows = torch.tensor([[1.0, 2.0], [0.0, 4.0], [3.0, 3.0], [-1.0, 2.0]])
    # animals–cats 1 + 4, animals–dogs 4 + 0, dogs–puppies 16 + 1.
    assert related.distance(rows).item() == pytest.approx((5 + 4 + 17) / 2)


def test_parents_edges_are_those_of_the_taxonomy_among_the_outputs() -> None:
    related = RelatedOutputs.of(PRESENT, TREE, "parents")
    edges = {
        (PRESENT[parent], PRESENT[child])
        for parent, child in zip(related.parents.tolist(), related.children.tolist(), strict=True)
    }
    assert edges == {
        ("animals", "cats"),
        ("animals", "dogs"),
        ("animals", "birds"),
        ("dogs", "puppies"),
        ("dogs", "hounds"),
    }


def test_siblings_distance_equals_a_loop_over_their_pairs() -> None:
    rows = weights(len(PRESENT))
    expected = 0.0
    for left, right in itertools.combinations(range(len(PRESENT)), 2):
        parents = {TREE[PRESENT[left]].parent, TREE[PRESENT[right]].parent}
        if len(parents) == 1 and parents <= set(PRESENT):
            expected += 0.5 * (rows[left] - rows[right]).square().sum().item()
    assert expected > 0
    related = RelatedOutputs.of(PRESENT, TREE, "siblings")
    assert related.distance(rows).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("pairs", ["parents", "siblings"])
def test_a_category_whose_parent_is_no_output_is_left_alone(pairs: str) -> None:
    related = RelatedOutputs.of(PRESENT, TREE, pairs)
    rows = weights(len(PRESENT))
    before = related.distance(rows).item()
    rows[PRESENT.index("rye")] += 10.0
    rows[PRESENT.index("food")] -= 10.0
    assert related.distance(rows).item() == pytest.approx(before, rel=1e-12)


def test_children_of_an_absent_parent_are_no_siblings() -> None:
    related = RelatedOutputs.of(["cats", "dogs", "birds", "food"], TREE, "siblings")
    assert related.distance(weights(4)).item() == 0.0


def test_an_only_child_has_no_sibling() -> None:
    related = RelatedOutputs.of(["dogs", "puppies"], TREE, "siblings")
    assert related.distance(weights(2)).item() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("pairs", ["parents", "siblings"])
def test_without_edges_there_is_no_distance(pairs: str) -> None:
    related = RelatedOutputs.of(["animals", "food"], TREE, pairs)
    assert len(related.parents) == len(related.children) == 0
    assert related.distance(weights(2)).item() == 0.0


def test_there_is_no_penalty_unless_it_is_asked_for() -> None:
    network = small_network()
    assert network.penalty() is None
    network.regularise(RelatedOutputs.of(["animals", "cats", "dogs"], TREE, "parents"), 0.0)
    assert network.penalty() is None


@pytest.mark.parametrize("pairs", ["parents", "siblings"])
def test_the_penalty_is_the_distance_of_the_output_rows_times_its_strength(pairs: str) -> None:
    network = small_network()
    related = RelatedOutputs.of(["animals", "cats", "dogs"], TREE, pairs)
    network.regularise(related, 0.3)
    penalty = network.penalty()
    assert penalty is not None
    assert penalty.shape == ()
    expected = 0.3 * related.distance(network.output.weight).item()
    assert expected > 0
    assert penalty.item() == pytest.approx(expected)


def test_the_penalty_pulls_a_child_and_its_parent_together() -> None:
    network = small_network()
    network.regularise(RelatedOutputs.of(["animals", "cats", "food"], TREE, "parents"), 0.5)
    before = network.output.weight.detach().clone()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.4)
    penalty = network.penalty()
    assert penalty is not None
    torch.autograd.backward(penalty)
    optimizer.step()
    after = network.output.weight.detach()
    # Each of the two goes 0.4 · 0.5 of the way to the other.
    difference = before[1] - before[0]
    torch.testing.assert_close(after[0], before[0] + 0.2 * difference)
    torch.testing.assert_close(after[1], before[1] - 0.2 * difference)
    assert torch.equal(after[2], before[2])
    assert (after[0] - after[1]).norm() < difference.norm()


def test_the_penalty_pulls_siblings_together_and_leaves_their_parent() -> None:
    network = small_network()
    network.regularise(RelatedOutputs.of(["animals", "cats", "dogs"], TREE, "siblings"), 0.5)
    before = network.output.weight.detach().clone()
    penalty = network.penalty()
    assert penalty is not None
    torch.autograd.backward(penalty)
    gradient = network.output.weight.grad
    assert gradient is not None
    torch.testing.assert_close(gradient[1], 0.5 * (before[1] - before[2]))
    torch.testing.assert_close(gradient[2], 0.5 * (before[2] - before[1]))
    assert (gradient[0] == 0).all()
