"""GRU-Att on the CPU without padding: computes `GruAtt.forward` in a fraction of the time.

Optimisations over a padded `nn.GRU` under autograd:

- Step t computes only the documents that have a word t.
- The input part of the gates is computed once per distinct word of the batch instead of once per
  token. The gradient flows back to the distinct words the same way.
- The gradient of the recurrence is explicit. Terms that do not depend on the gradient of later
  steps are computed in large blocks. Each backward step is then one matrix product and one sum.
- Buffers are reused across batches, which avoids mapping and clearing new memory.
- tanh x is computed as 2 sigmoid(2x) - 1, because torch's sigmoid is several times faster. Doubled
  weights provide the 2x.
- Matrix products use the fastest available library (`core.models.matrix_product`).

Gates are r, z, n in torch's order and meaning (torch.nn.GRU): n = tanh(i_n + r h_n) and
h' = n + z (h - n), where i is the input part of the gates and h_n the state's part of n.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from core.models.gru_att import GruAtt
from core.models.matrix_product import BLOCK, fast_linear, product_of_columns, product_of_rows
from core.models.packing import PackedDocuments

_STEP_ROWS = 16
"""Rows of a recurrence step are rounded up to a multiple of this, for few distinct sizes."""


_MINUS_ONE = torch.tensor(-1.0)


class PackedGruAtt:
    """Runs a `GruAtt` on the CPU over packed documents, one batch at a time."""

    def __init__(self, network: GruAtt, scratch: Scratch | None = None) -> None:
        """Wrap a network. Networks that alternate without gradients can share a `scratch`."""
        self._network = network
        self._scratch = Scratch() if scratch is None else scratch

    def logits(
        self, packed: PackedDocuments, embedded: Tensor, keep: Tensor | None = None
    ) -> Tensor:
        """Logits (documents, outputs), in the order of `packed`.

        Take the gradient of a batch before the next batch; otherwise `backward` raises
        `RuntimeError`.

        Args:
            packed: The documents.
            embedded: Embeddings of `packed.words` (distinct words, dimensions).
            keep: Scaled dropout mask of the states (tokens, 2 · hidden units), or None.
        """
        network = self._network
        representation: Tensor = _Representation.apply(  # type: ignore[no-untyped-call]
            self._scratch,
            torch.is_grad_enabled(),
            packed,
            keep,
            embedded,
            *_parameters(network.forward_gru),
            *_parameters(network.backward_gru),
            network.attention.projection.weight,
            network.attention.projection.bias,
            network.attention.context,
        )
        logits: Tensor = network.output(representation)
        return logits


def _parameters(gru: nn.GRU) -> list[Tensor]:
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    return [gru.get_parameter(name) for name in names]


@dataclass(slots=True)
class Scratch:
    """Buffers by name, reused by successive batches.

    `serial` numbers the batches, to detect a backward pass over overwritten buffers.
    """

    buffers: dict[str, Tensor] = field(default_factory=dict)
    serial: int = 0

    def take(self, name: str, rows: int, width: int) -> Tensor:
        """Buffer of at least `rows` + `_STEP_ROWS` rows that contains finite values."""
        buffer = self.buffers.get(name)
        if buffer is None or len(buffer) < rows + _STEP_ROWS or buffer.shape[1] != width:
            with torch.inference_mode(mode=False):
                buffer = torch.zeros(_round_up(rows + _STEP_ROWS, 1024), width)
            self.buffers[name] = buffer
        return buffer


@dataclass(frozen=True, slots=True)
class _Direction:
    """Parameters of one direction and its columns in the states of both directions."""

    name: str
    columns: slice
    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor
    bias_hh: Tensor

    @property
    def units(self) -> int:
        """Number of hidden units."""
        return self.weight_hh.shape[1]

    def steps(self, packed: PackedDocuments) -> range:
        """Time steps in the order of the recurrence."""
        last = len(packed.counts) - 1
        return range(last + 1) if self.name == "onward" else range(last, -1, -1)


def _directions(parameters: Sequence[Tensor]) -> tuple[_Direction, _Direction]:
    units = parameters[1].shape[1]
    return (
        _Direction("onward", slice(units), *parameters[0:4]),
        _Direction("backward", slice(units, 2 * units), *parameters[4:8]),
    )


class _Representation(torch.autograd.Function):
    """R = [attention, maximum, mean] pooling of the states (Banerjee et al. 2019, section 3)."""

    @staticmethod
    def forward(
        ctx: Any,
        scratch: Scratch,
        saving: bool,
        packed: PackedDocuments,
        keep: Tensor | None,
        embedded: Tensor,
        *parameters: Tensor,
    ) -> Tensor:
        """Representation (documents, 6 · hidden units). `saving` keeps buffers for `backward`."""
        directions = _directions(parameters)
        width = 2 * directions[0].units
        states = scratch.take("states", packed.total, width)[: packed.total]
        hidden = scratch.take("hidden", packed.total, width)[: packed.total]
        for direction in directions:
            _recur(scratch, packed, direction, embedded, states, saving=saving)
        weights = _attention(packed, states, hidden, keep, *parameters[8:])
        attended, highest, mean = _pool(packed, states, weights)
        scratch.serial += 1
        if saving:
            ctx.serial, ctx.scratch, ctx.packed, ctx.keep = scratch.serial, scratch, packed, keep
            ctx.states, ctx.hidden, ctx.weights, ctx.highest = states, hidden, weights, highest
            ctx.save_for_backward(embedded, *parameters)
        return torch.cat((attended, highest, mean), dim=1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        """Gradients of the embeddings, if required, and of all parameters."""
        scratch, packed, states = ctx.scratch, ctx.packed, ctx.states
        if ctx.serial != scratch.serial:
            raise RuntimeError("take the gradient of a batch before the next batch")
        embedded, *parameters = ctx.saved_tensors
        directions = _directions(parameters)
        width = 2 * directions[0].units
        d_states = scratch.take("gradient of states", packed.total, width)[: packed.total]
        d_weights = _unpool(
            packed, states, ctx.weights, ctx.highest, gradients[0].chunk(3, dim=1), d_states
        )
        d_attention = _attention_gradient(
            packed, states, ctx.hidden, ctx.weights, d_weights, ctx.keep, parameters[8:], d_states
        )
        d_embedded = torch.zeros_like(embedded) if ctx.needs_input_grad[4] else None
        bags = _Bags.of(packed)
        d_directions: list[Tensor] = []
        for direction in directions:
            d_directions += _recur_gradient(
                scratch, packed, direction, bags, embedded, d_states, d_embedded
            )
        return (None, None, None, None, d_embedded, *d_directions, *d_attention)


def _recur(
    scratch: Scratch,
    packed: PackedDocuments,
    direction: _Direction,
    embedded: Tensor,
    states: Tensor,
    *,
    saving: bool,
) -> None:
    """Write the states (tokens, units) of one direction into its columns of `states`."""
    linear, units, counts = fast_linear(), direction.units, packed.counts
    total, documents = packed.total, counts[0]
    # The biases of the state are added to the word part, except for the bias of n, which r
    # multiplies. All terms of n are doubled for `_tanh_of_half_`.
    of_n = torch.zeros(3 * units)
    of_n[2 * units :] = direction.bias_hh[2 * units :]
    of_words = product_of_rows(
        embedded, direction.weight_ih, direction.bias_ih + direction.bias_hh - of_n
    )
    of_words[:, 2 * units :].mul_(2.0)
    of_n.mul_(2.0)
    weight_hh = direction.weight_hh.clone()
    weight_hh[2 * units :].mul_(2.0)
    word_part = scratch.take("word part", documents, 3 * units)
    word_n = word_part[:, 2 * units :]
    state = scratch.take("state", documents, units)
    state.zero_()

    def by_step(name: str, width: int) -> Sequence[Tensor]:
        """Views of a buffer, one per step. Steps have separate rows only if `saving`."""
        if saving:
            return torch.split_with_sizes(
                scratch.take(f"{direction.name} {name}", total, width)[:total], counts
            )
        buffer = scratch.take(name, documents, width)
        return [buffer[:count] for count in counts]

    gates, candidates = by_step("gates", 3 * units), by_step("candidates", units)
    before = by_step("states before", units) if saving else ()
    indices = torch.split_with_sizes(packed.indices, counts)
    out = torch.split_with_sizes(states[:, direction.columns], counts)
    for t in direction.steps(packed):
        count, gate, candidate = counts[t], gates[t], candidates[t]
        current = state[:count]
        word = torch.index_select(of_words, 0, indices[t], out=word_part[:count])
        recurrent = linear(state[: _round_up(count, _STEP_ROWS)], weight_hh, of_n)[:count]
        torch.add(word, recurrent, out=gate).sigmoid_()
        h_n = recurrent[:, 2 * units :]
        torch.addcmul(word_n[:count], gate[:, :units], h_n, out=candidate)
        _tanh_of_half_(candidate, out=candidate)
        if saving:
            before[t].copy_(current)
            gate[:, 2 * units :].copy_(h_n)
        torch.lerp(candidate, current, gate[:, units : 2 * units], out=current)
        out[t].copy_(current)


def _recur_gradient(
    scratch: Scratch,
    packed: PackedDocuments,
    direction: _Direction,
    bags: _Bags,
    embedded: Tensor,
    d_states: Tensor,
    d_embedded: Tensor | None,
) -> list[Tensor]:
    """Gradients of one direction's four parameters. Adds the gradient to `d_embedded`."""
    linear, units, counts, total = fast_linear(), direction.units, packed.counts, packed.total
    gates = scratch.take(f"{direction.name} gates", total, 3 * units)[:total]
    candidates = scratch.take(f"{direction.name} candidates", total, units)[:total]
    before = scratch.take(f"{direction.name} states before", total, units)[:total]
    # Pre-activation gradients of r, z, h_n and i_n: first the local derivatives, in blocks, then
    # step by step their product with the gradient of the new state.
    flat = scratch.take("gradient of gates", total, 4 * units)
    rows = flat[:total]
    for start in range(0, total, BLOCK):
        block = slice(start, min(start + BLOCK, total))
        _gate_factors(gates[block], candidates[block], before[block], rows[block])
    from_later = scratch.take("gradient from later", counts[0], units)
    from_later.zero_()
    back = direction.weight_hh.t().contiguous()
    steps_of = torch.split_with_sizes(rows.view(total, 4, units), counts)
    updates = torch.split_with_sizes(gates[:, units : 2 * units], counts)
    arriving = torch.split_with_sizes(d_states[:, direction.columns], counts)
    starts = [0]
    for count in counts:
        starts.append(starts[-1] + count)
    for t in reversed(direction.steps(packed)):
        count, start = counts[t], starts[t]
        d_state = from_later[:count].add_(arriving[t])
        steps_of[t].mul_(d_state.unsqueeze(1))
        gate_rows = flat[start : start + _round_up(count, _STEP_ROWS), : 3 * units]
        torch.addcmul(linear(gate_rows, back, None)[:count], d_state, updates[t], out=d_state)
    d_weight_hh = product_of_columns(rows, before)[: 3 * units]
    of_words = bags.sum(rows)
    of_inputs = torch.cat((of_words[:, : 2 * units], of_words[:, 3 * units :]), dim=1)
    if d_embedded is not None:
        d_embedded.add_(product_of_rows(of_inputs, direction.weight_ih.t().contiguous()))
    summed = of_words.sum(dim=0)
    d_bias_ih = torch.cat((summed[: 2 * units], summed[3 * units :]))
    return [product_of_columns(of_inputs, embedded), d_weight_hh, d_bias_ih, summed[: 3 * units]]


def _gate_factors(gates: Tensor, candidates: Tensor, before: Tensor, out: Tensor) -> None:
    """Write the derivatives of the new state by the pre-activations r, z, h_n and i_n to `out`.

    `gates` are r, z and 2 h_n (rows, 3 · units), `candidates` are n, `before` is the old state.
    """
    r, z, twice_h_n = gates.chunk(3, dim=1)
    of_r, of_z, of_h_n, of_i_n = out.chunk(4, dim=1)
    left = 1.0 - z
    torch.mul(left, torch.addcmul(torch.ones(()), candidates, candidates, value=-1.0), out=of_i_n)
    torch.mul(of_i_n, r, out=of_h_n)
    torch.mul(of_h_n, twice_h_n, out=of_r).mul_(torch.add(torch.tensor(0.5), r, alpha=-0.5))
    torch.sub(before, candidates, out=of_z).mul_(left.mul_(z))


@dataclass(frozen=True, slots=True)
class _Bags:
    """Token rows grouped by distinct word."""

    rows: Tensor
    starts: Tensor

    @classmethod
    def of(cls, packed: PackedDocuments) -> _Bags:
        counts = torch.bincount(packed.indices, minlength=len(packed.words))
        return cls(torch.argsort(packed.indices, stable=True), counts.cumsum(0) - counts)

    def sum(self, values: Tensor) -> Tensor:
        """Sums (distinct words, width) of `values` (tokens, width)."""
        return torch.embedding_bag(values, self.rows, self.starts, False, 0)[0]


def _attention(
    packed: PackedDocuments,
    states: Tensor,
    hidden: Tensor,
    keep: Tensor | None,
    weight: Tensor,
    bias: Tensor,
    context: Tensor,
) -> Tensor:
    """Attention weights (tokens,). Applies dropout to `states` in place and writes `hidden`."""
    scores = torch.empty(packed.total)
    twice_weight, twice_bias = 2.0 * weight, 2.0 * bias
    for start in range(0, packed.total, BLOCK):
        block = slice(start, start + BLOCK)
        if keep is not None:
            states[block].mul_(keep[block])
        projected = product_of_rows(states[block], twice_weight, twice_bias)
        torch.mv(_tanh_of_half_(projected, out=hidden[block]), context, out=scores[block])
    inside = _inside(packed)
    padded = torch.full(inside.shape, float("-inf"))
    padded[inside] = scores
    return torch.softmax(padded, dim=0)[inside]


def _attention_gradient(
    packed: PackedDocuments,
    states: Tensor,
    hidden: Tensor,
    weights: Tensor,
    d_weights: Tensor,
    keep: Tensor | None,
    parameters: Sequence[Tensor],
    d_states: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of the attention parameters. Adds to `d_states` and applies the dropout mask."""
    weight, bias, context = parameters
    inside = _inside(packed)
    padded = torch.zeros(inside.shape)
    weighted = weights * d_weights
    padded[inside] = weighted
    d_scores = weighted - weights * padded.sum(dim=0).expand_as(inside)[inside]
    d_weight, d_bias = torch.zeros_like(weight), torch.zeros_like(bias)
    d_context = torch.mv(hidden.t(), d_scores)
    back = weight.t().contiguous()
    for start in range(0, packed.total, BLOCK):
        block = slice(start, start + BLOCK)
        u = hidden[block]
        d_projected = torch.addcmul(torch.ones(()), u, u, value=-1.0)
        d_projected.mul_(context).mul_(d_scores[block].unsqueeze(1))
        d_weight += product_of_columns(d_projected, states[block])
        d_bias += d_projected.sum(dim=0)
        d_states[block].add_(product_of_rows(d_projected, back))
        if keep is not None:
            d_states[block].mul_(keep[block])
    return d_weight, d_bias, d_context


def _pool(
    packed: PackedDocuments, states: Tensor, weights: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Attention-weighted sum, maximum and mean of each document's states."""
    shape = packed.counts[0], states.shape[1]
    attended, total = torch.zeros(shape), torch.zeros(shape)
    highest = torch.full(shape, float("-inf"))
    for state, weight in zip(
        torch.split_with_sizes(states, packed.counts),
        torch.split_with_sizes(weights.unsqueeze(1), packed.counts),
        strict=True,
    ):
        count = len(state)
        attended[:count].addcmul_(state, weight)
        torch.maximum(highest[:count], state, out=highest[:count])
        total[:count].add_(state)
    return attended, highest, total.div_(packed.lengths.unsqueeze(1))


def _unpool(
    packed: PackedDocuments,
    states: Tensor,
    weights: Tensor,
    highest: Tensor,
    gradients: Sequence[Tensor],
    d_states: Tensor,
) -> Tensor:
    """Write the gradient of the states; return the gradient of the attention weights (tokens,).

    The gradient of a maximum flows to the first state with that value.
    """
    d_attended, d_highest, d_mean = gradients
    d_mean = d_mean / packed.lengths.unsqueeze(1)
    remaining = d_highest.clone()
    zero = torch.zeros(())
    products = torch.empty_like(remaining)
    d_weights = torch.empty_like(weights)
    for state, weight, d_state, d_weight in zip(
        torch.split_with_sizes(states, packed.counts),
        torch.split_with_sizes(weights.unsqueeze(1), packed.counts),
        torch.split_with_sizes(d_states, packed.counts),
        torch.split_with_sizes(d_weights, packed.counts),
        strict=True,
    ):
        count = len(state)
        torch.mul(state, d_attended[:count], out=products[:count])
        torch.sum(products[:count], dim=1, out=d_weight)
        torch.addcmul(d_mean[:count], d_attended[:count], weight, out=d_state)
        taken = torch.where(state >= highest[:count], remaining[:count], zero)
        remaining[:count].sub_(taken)
        d_state.add_(taken)
    return d_weights


def _inside(packed: PackedDocuments) -> Tensor:
    """Mask (longest, documents): True if document j has a word i. In the order of the tokens."""
    return torch.arange(len(packed.counts)).unsqueeze(1) < packed.lengths


def _tanh_of_half_(values: Tensor, out: Tensor) -> Tensor:
    """Write tanh(values / 2) to `out`; `values` are overwritten with their sigmoid."""
    return torch.add(_MINUS_ONE, values.sigmoid_(), alpha=2.0, out=out)


def _round_up(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple
