"""Seconds per training step: the network's two GRUs against torch's packed bidirectional GRU.

Both give the same states (tests/core/models/test_gru_att.py); this is why the network has two.
One thread, frozen embeddings, batches of 128; documents of 20 to 100 words, and all of 100.
"""

from __future__ import annotations

import statistics
import time

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from core.models.gru_att import GruAtt

BATCH, WORDS, REPEATS = 128, 5_000, 7


class PackedGruAtt(GruAtt):
    """The same network with one packed bidirectional GRU."""

    def __init__(self, embeddings: Tensor) -> None:
        super().__init__(embeddings)
        units = self.forward_gru.hidden_size
        self.packed_gru = nn.GRU(embeddings.shape[1], units, batch_first=True, bidirectional=True)

    def _states(self, tokens: Tensor, lengths: Tensor, positions: Tensor, inside: Tensor) -> Tensor:
        packed = pack_padded_sequence(
            self.embeddings(tokens), lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        states, _ = pad_packed_sequence(
            self.packed_gru(packed)[0], batch_first=True, total_length=tokens.shape[1]
        )
        return states


def seconds_per_step(network: GruAtt, tokens: Tensor, lengths: Tensor) -> float:
    """One forward and backward pass and Adam's step, without reading data."""
    network.embeddings.weight.requires_grad_(False)
    trained = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(trained, fused=True)
    started = time.perf_counter()
    loss = nn.functional.binary_cross_entropy_with_logits(
        network(tokens, lengths).logits.squeeze(1), torch.ones(len(tokens))
    )
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return time.perf_counter() - started


def main() -> None:
    """Print medians and the ratio for both kinds of batches."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    table = torch.rand(WORDS, 100)
    for shortest in (20, 100):
        lengths = torch.randint(shortest, 101, (BATCH,))
        lengths[0] = 100
        tokens = torch.randint(2, WORDS, (BATCH, 100))
        times: dict[str, list[float]] = {"two GRUs": [], "packed": []}
        networks: dict[str, GruAtt] = {"two GRUs": GruAtt(table), "packed": PackedGruAtt(table)}
        for _ in range(REPEATS):
            for name, network in networks.items():
                times[name].append(seconds_per_step(network, tokens, lengths))
        two, packed = (statistics.median(times[name][1:]) for name in ("two GRUs", "packed"))
        print(
            f"{shortest}–100 words: two GRUs {two:.3f} s, packed {packed:.3f} s a step, "
            f"ratio {packed / two:.2f}"
        )


if __name__ == "__main__":
    main()
