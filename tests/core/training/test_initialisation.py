"""How a child starts from its parent."""

from __future__ import annotations

from dataclasses import replace

import torch

from core.settings import TrainingSettings
from core.training.epochs import TrialKey
from core.training.initialisation import from_parent, from_scratch, parameter_groups

SETTINGS = TrainingSettings(hidden_units=4, dimensions=3, seed=5)
TABLE = torch.rand(9, 3)


def test_childs_parameters_equal_the_parents_except_the_output_layer() -> None:
    parent = from_scratch(TABLE, TrialKey("parent", 2.0), SETTINGS)
    state = parent.state_dict()
    child = from_parent(state, state["embeddings.weight"], TrialKey("child", 1.0), SETTINGS)
    for name, value in child.state_dict().items():
        if name.startswith("output."):
            assert not torch.equal(value, state[name])
        else:
            assert torch.equal(value, state[name]), name


def test_childs_output_layer_differs_by_category_and_class_weight() -> None:
    parent = from_scratch(TABLE, TrialKey("parent", 1.0), SETTINGS).state_dict()

    def output(category: str, weight: float) -> torch.Tensor:
        return from_parent(parent, TABLE, TrialKey(category, weight), SETTINGS).output.weight

    assert torch.equal(output("a", 1.0), output("a", 1.0))
    assert not torch.equal(output("a", 1.0), output("b", 1.0))
    assert not torch.equal(output("a", 1.0), output("a", 5.0))


def test_childs_embeddings_are_the_parents_and_frozen() -> None:
    parent = from_scratch(TABLE, TrialKey("parent", 1.0), SETTINGS)
    state = parent.state_dict()
    child = from_parent(state, state["embeddings.weight"], TrialKey("child", 1.0), SETTINGS)
    assert not child.embeddings.weight.requires_grad
    assert child.embeddings.weight.data_ptr() == state["embeddings.weight"].data_ptr()


def test_from_scratch_trains_a_copy_of_the_embeddings() -> None:
    network = from_scratch(TABLE, TrialKey("top", 1.0), SETTINGS)
    assert network.embeddings.weight.requires_grad
    with torch.no_grad():
        network.embeddings.weight.add_(1)
    assert not torch.equal(network.embeddings.weight, TABLE)
    assert (TABLE <= 1).all()


def test_top_level_has_one_learning_rate_for_everything() -> None:
    network = from_scratch(TABLE, TrialKey("top", 1.0), SETTINGS)
    groups = parameter_groups(network, SETTINGS)
    assert [group["lr"] for group in groups] == [0.001]
    assert len(groups[0]["params"]) == len(list(network.parameters()))


def test_child_has_the_slower_rate_for_what_comes_from_the_parent() -> None:
    state = from_scratch(TABLE, TrialKey("parent", 1.0), SETTINGS).state_dict()
    child = from_parent(state, TABLE, TrialKey("child", 1.0), SETTINGS)
    slow, fast = parameter_groups(child, SETTINGS, transferred=True)
    assert (slow["lr"], fast["lr"]) == (0.0005, 0.001)
    assert {id(p) for p in fast["params"]} == {id(child.output.weight), id(child.output.bias)}
    trained = {id(p) for n, p in child.named_parameters() if not n.startswith("embeddings")}
    assert {id(p) for p in slow["params"]} | {id(p) for p in fast["params"]} == trained


def test_drawing_a_network_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    from_scratch(TABLE, TrialKey("top", 1.0), SETTINGS)
    assert torch.equal(torch.rand(1), expected)


def test_child_that_is_not_frozen_trains_a_copy_of_its_parents_embeddings() -> None:
    state = from_scratch(TABLE, TrialKey("parent", 1.0), SETTINGS).state_dict()
    thawed = replace(SETTINGS, freeze=False)
    child = from_parent(state, state["embeddings.weight"], TrialKey("child", 1.0), thawed)
    assert child.embeddings.weight.requires_grad
    assert child.embeddings.weight.data_ptr() != state["embeddings.weight"].data_ptr()
    assert torch.equal(child.embeddings.weight, state["embeddings.weight"])


def test_child_with_one_rate_learns_everything_as_fast() -> None:
    state = from_scratch(TABLE, TrialKey("parent", 1.0), SETTINGS).state_dict()
    child = from_parent(state, TABLE, TrialKey("child", 1.0), SETTINGS)
    groups = parameter_groups(child, replace(SETTINGS, two_rates=False), transferred=True)
    assert [group["lr"] for group in groups] == [SETTINGS.learning_rate]


def test_frozen_from_scratch_leaves_the_embeddings_as_they_are() -> None:
    network = from_scratch(TABLE, TrialKey("child", 1.0), SETTINGS, frozen=True)
    assert not network.embeddings.weight.requires_grad
    assert torch.equal(network.embeddings.weight, TABLE)
