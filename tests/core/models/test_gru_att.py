"""The network against the formulas of the paper, computed one by one in numpy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from core.models.gru_att import GruAtt
from core.text.vocabulary import PADDING

Array = npt.NDArray[np.float64]
WORDS, DIMENSIONS, HIDDEN, OUTPUTS = 7, 3, 2, 2
TOKENS = [[2, 5, 3, 6], [4, 2], [6]]


def sigmoid(x: Array) -> Array:
    return 1.0 / (1.0 + np.exp(-x))


def gru_states(words: list[Array], p: dict[str, Array], direction: str) -> list[Array]:
    """One GRU over the words in the given order (Cho et al. 2014; torch's gate order r, z, n)."""
    state = np.zeros(HIDDEN)
    states = []
    for word in words:
        from_word = p[f"{direction}.weight_ih_l0"] @ word + p[f"{direction}.bias_ih_l0"]
        from_state = p[f"{direction}.weight_hh_l0"] @ state + p[f"{direction}.bias_hh_l0"]
        reset = sigmoid(from_word[:HIDDEN] + from_state[:HIDDEN])
        update = sigmoid(from_word[HIDDEN : 2 * HIDDEN] + from_state[HIDDEN : 2 * HIDDEN])
        new = np.tanh(from_word[2 * HIDDEN :] + reset * from_state[2 * HIDDEN :])
        state = (1 - update) * new + update * state
        states.append(state)
    return states


def score(document: list[int], p: dict[str, Array]) -> tuple[Array, Array]:
    """Logits and attention of one document, without any padding or batch."""
    words = [p["embeddings.weight"][token] for token in document]
    onward = gru_states(words, p, "forward_gru")
    backward = gru_states(words[::-1], p, "backward_gru")[::-1]
    states = [np.concatenate(pair) for pair in zip(onward, backward, strict=True)]
    scores = np.array(
        [
            np.tanh(p["attention.projection.weight"] @ s + p["attention.projection.bias"])
            @ p["attention.context"]
            for s in states
        ]
    )
    weights = np.exp(scores) / np.exp(scores).sum()
    attended = sum(a * s for a, s in zip(weights, states, strict=True))
    highest, mean = np.max(states, axis=0), np.mean(states, axis=0)
    representation = np.concatenate([np.asarray(attended), highest, mean])
    return p["output.weight"] @ representation + p["output.bias"], weights


def batch(documents: list[list[int]], time: int | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    lengths = torch.tensor([len(document) for document in documents])
    longest = time or int(lengths.max())
    padded = [document + [PADDING] * (longest - len(document)) for document in documents]
    return torch.tensor(padded), lengths


def tiny_network() -> GruAtt:
    torch.manual_seed(3)
    embeddings = torch.randn(WORDS, DIMENSIONS, dtype=torch.float64)
    embeddings[PADDING] = 0
    network = GruAtt(embeddings, HIDDEN, dropout=0.4, outputs=OUTPUTS).double().eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name != "embeddings.weight":
                parameter.normal_(0, 0.7)
    return network


def numpy_parameters(network: GruAtt) -> dict[str, Array]:
    return {name: p.detach().numpy().copy() for name, p in network.named_parameters()}


def test_output_and_attention_equal_the_formulas() -> None:
    network = tiny_network()
    parameters = numpy_parameters(network)
    encoded = network(*batch(TOKENS))
    for row, document in enumerate(TOKENS):
        logits, attention = score(document, parameters)
        np.testing.assert_allclose(encoded.logits[row].detach().numpy(), logits, rtol=1e-10)
        weights = encoded.attention[row].detach().numpy()
        np.testing.assert_allclose(weights[: len(document)], attention, rtol=1e-10)
        assert (weights[len(document) :] == 0).all()


def test_gradients_equal_central_differences_of_the_formulas() -> None:
    network = tiny_network()
    targets = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    class_weight = 3.0

    def loss(parameters: dict[str, Array]) -> float:
        total = 0.0
        for document, target in zip(TOKENS, targets, strict=True):
            p = sigmoid(score(document, parameters)[0])
            total -= (class_weight * target * np.log(p) + (1 - target) * np.log(1 - p)).sum()
        return float(total) / targets.size

    criterion = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(class_weight))
    value = criterion(network(*batch(TOKENS)).logits, torch.from_numpy(targets))
    value.backward()
    parameters = numpy_parameters(network)
    assert loss(parameters) == pytest.approx(value.item(), rel=1e-10)
    step = 1e-6
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None
        gradient = parameter.grad.numpy()
        for index in np.ndindex(*gradient.shape):
            if name == "embeddings.weight" and index[0] == PADDING:
                assert gradient[index] == 0
                continue
            original = parameters[name][index]
            parameters[name][index] = original + step
            above = loss(parameters)
            parameters[name][index] = original - step
            below = loss(parameters)
            parameters[name][index] = original
            assert gradient[index] == pytest.approx((above - below) / (2 * step), abs=1e-7), name


def test_padding_a_batch_further_changes_nothing() -> None:
    network = tiny_network()
    tight = network(*batch(TOKENS))
    wide = network(*batch(TOKENS, time=11))
    torch.testing.assert_close(wide.logits, tight.logits, rtol=0, atol=1e-14)
    torch.testing.assert_close(wide.attention[:, :4], tight.attention, rtol=0, atol=1e-14)
    assert (wide.attention[:, 4:] == 0).all()


def test_padding_changes_no_gradient() -> None:
    gradients = []
    for time in (None, 9):
        network = tiny_network()
        network(*batch(TOKENS, time)).logits.sum().backward()
        gradients.append({n: p.grad for n, p in network.named_parameters()})
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, rtol=0, atol=1e-13)


def test_documents_of_a_batch_do_not_touch_each_other() -> None:
    network = tiny_network()
    together = network(*batch(TOKENS)).logits
    for row, document in enumerate(TOKENS):
        alone = network(*batch([document])).logits[0]
        torch.testing.assert_close(together[row], alone, rtol=0, atol=1e-14)


def test_states_equal_those_of_torchs_bidirectional_packed_gru() -> None:
    network = tiny_network()
    reference = nn.GRU(DIMENSIONS, HIDDEN, batch_first=True, bidirectional=True).double()
    state = {}
    for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"):
        state[name] = getattr(network.forward_gru, name)
        state[f"{name}_reverse"] = getattr(network.backward_gru, name)
    reference.load_state_dict(state)
    tokens, lengths = batch(TOKENS)
    packed = nn.utils.rnn.pack_padded_sequence(
        network.embeddings(tokens), lengths, batch_first=True, enforce_sorted=False
    )
    expected, _ = nn.utils.rnn.pad_packed_sequence(reference(packed)[0], batch_first=True)
    positions = torch.arange(tokens.shape[1])
    inside = positions < lengths[:, None]
    states = network._states(tokens, lengths, positions, inside)
    torch.testing.assert_close(states[inside], expected[inside], rtol=0, atol=1e-14)


def test_dropout_is_on_the_grus_output_in_training_only() -> None:
    network = tiny_network()
    tokens, lengths = batch(TOKENS)
    assert torch.equal(network(tokens, lengths).logits, network(tokens, lengths).logits)
    network.train()
    first, second = network(tokens, lengths).logits, network(tokens, lengths).logits
    assert not torch.equal(first, second)


def test_the_papers_network_has_its_widths() -> None:
    network = GruAtt(torch.zeros(10, 100))
    assert network.output.in_features == 576
    assert network.attention.context.shape == (192,)
    assert network.forward_gru.hidden_size == network.backward_gru.hidden_size == 96
