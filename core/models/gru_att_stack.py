"""Many binary GRU-Att networks over one text at once, for interactive classification.

Run one by one, the networks spend most time on call overhead: a text of 20 words takes 40 small
matrix products per network. Here a step of the recurrence is one batched product for a group of
networks. The groups are small enough for their weights to stay in the processor's cache.

The parameters of the networks become views of the stacked ones, which saves memory.
Gates are r, z, n in torch's order and meaning (torch.nn.GRU).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from core.models.gru_att import GruAtt

_GROUP = 50
"""Network directions per batched step of the recurrence."""


class StackedScores(NamedTuple):
    """Logits (networks,) of a text and the attention (networks, time) on its words."""

    logits: Tensor
    attention: Tensor


class GruAttStack:
    """`GruAtt` networks with one output each and the same sizes.

    `torch.func.stack_module_state` with `vmap` cannot replace it: `nn.GRU` has no batching rule.
    """

    def __init__(self, networks: Sequence[GruAtt]) -> None:
        """Stack the networks and make their parameters views of the stack.

        Raises:
            ValueError: If the networks differ in size or have several outputs.
        """
        sizes = {
            (n.forward_gru.input_size, n.forward_gru.hidden_size, n.output.out_features)
            for n in networks
        }
        if len(sizes) != 1 or next(iter(sizes))[2] != 1:
            raise ValueError("networks in a stack must have one output each and the same sizes")
        # Networks that share an embedding table are adjacent and look up the words together.
        tables = [network.embeddings.weight.data_ptr() for network in networks]
        order = sorted(range(len(networks)), key=lambda i: tables[i])
        self._order = torch.tensor(order)
        stacked = [networks[i] for i in order]
        self._units = stacked[0].forward_gru.hidden_size
        self._tables: list[tuple[Tensor, int]] = []
        for network in stacked:
            table = network.embeddings.weight.detach()
            if self._tables and self._tables[-1][0].data_ptr() == table.data_ptr():
                self._tables[-1] = (table, self._tables[-1][1] + 1)
            else:
                self._tables.append((table, 1))
        grus = [gru for n in stacked for gru in (n.forward_gru, n.backward_gru)]
        self._weight_ih = _stack([(gru, "weight_ih_l0") for gru in grus])
        # The transposed copy makes the batched product three times as fast as a transposed view.
        self._weight_hh = torch.stack(
            [gru.get_parameter("weight_hh_l0").detach().t() for gru in grus]
        )
        self._bias_ih = _stack([(gru, "bias_ih_l0") for gru in grus])
        self._bias_hh = _stack([(gru, "bias_hh_l0") for gru in grus])
        self._projection = _stack([(n.attention.projection, "weight") for n in stacked])
        self._projection_bias = _stack([(n.attention.projection, "bias") for n in stacked])
        self._context = _stack([(n.attention, "context") for n in stacked])
        self._output = _stack([(n.output, "weight") for n in stacked])
        self._output_bias = _stack([(n.output, "bias") for n in stacked])

    @torch.inference_mode()
    def scores(self, token_ids: Sequence[int]) -> StackedScores:
        """Score a text of at least one word."""
        ids = torch.tensor(token_ids)
        states = self._states(ids)
        hidden = torch.tanh(
            torch.baddbmm(
                self._projection_bias.unsqueeze(1), states, self._projection.transpose(1, 2)
            )
        )
        attention = torch.softmax(torch.bmm(hidden, self._context.unsqueeze(2))[:, :, 0], dim=1)
        attended = torch.bmm(attention.unsqueeze(1), states)[:, 0]
        representation = torch.cat((attended, states.amax(dim=1), states.mean(dim=1)), dim=1)
        logits = (representation * self._output[:, 0]).sum(dim=1) + self._output_bias[:, 0]
        result = torch.empty_like(logits)
        result[self._order] = logits
        weights = torch.empty_like(attention)
        weights[self._order] = attention
        return StackedScores(result, weights)

    def _states(self, ids: Tensor) -> Tensor:
        """[forward ; backward] states (networks, time, 2 · hidden units) in stacked order."""
        units, time, directions = self._units, len(ids), len(self._weight_ih)
        states = torch.empty(time, directions, units)
        first = 0
        for table, networks in self._tables:
            embedded = table[ids]
            # Odd directions are backward and read the text from the end.
            for begin in range(first, first + 2 * networks, _GROUP):
                group = slice(begin, min(begin + _GROUP, first + 2 * networks))
                self._recur(embedded, group, states)
            first += 2 * networks
        # Restore the word order of the backward states.
        states[:, 1::2] = states[:, 1::2].flip(0)
        return states.view(time, directions // 2, 2 * units).transpose(0, 1)

    def _recur(self, embedded: Tensor, group: slice, states: Tensor) -> None:
        units, time = self._units, len(embedded)
        directions = group.stop - group.start
        flat = self._weight_ih[group].reshape(directions * 3 * units, -1)
        words = torch.addmm(self._bias_ih[group].reshape(-1), embedded, flat.t())
        words = words.view(time, directions, 3 * units)
        words[:, 1::2] = words[:, 1::2].flip(0)
        weight = self._weight_hh[group]
        bias = self._bias_hh[group].unsqueeze(1)
        state = torch.zeros(directions, 1, units)
        for t in range(time):
            recurrent = torch.baddbmm(bias, state, weight)
            word = words[t].unsqueeze(1)
            gates = torch.sigmoid(word[..., : 2 * units] + recurrent[..., : 2 * units])
            candidate = torch.tanh(
                torch.addcmul(
                    word[..., 2 * units :], gates[..., :units], recurrent[..., 2 * units :]
                )
            )
            state = torch.lerp(candidate, state, gates[..., units:])
            states[t, group] = state[:, 0]


def _stack(parameters: Sequence[tuple[nn.Module, str]]) -> Tensor:
    """Stack parameters (parameters, …) and make each module's parameter a view of the stack."""
    stacked = torch.stack([module.get_parameter(name).detach() for module, name in parameters])
    for i, (module, name) in enumerate(parameters):
        module.get_parameter(name).data = stacked[i]
    return stacked
