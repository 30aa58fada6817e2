"""Profile of an epoch by phase."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import nn

from core.bench.workload import Workload
from core.corpus.examples import validation_split
from core.models.dropout import keep_factors
from core.models.gru_att import GruAtt
from core.models.packed_gru_att import PackedGruAtt
from core.models.packing import pack
from core.settings import TrainingSettings
from core.training.checkpoints import write_checkpoint
from core.training.epochs import TrialKey
from core.training.initialisation import from_scratch, parameter_groups
from core.training.passes import PackedPass
from core.training.scoring import logits_of


class Stopwatch:
    """Accumulates seconds by phase."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Add the duration of the block."""
        started = time.perf_counter()
        yield
        self.seconds[name] += time.perf_counter() - started


def frozen_network(workload: Workload, settings: TrainingSettings) -> GruAtt:
    """Create a network with frozen embeddings, as below the top level."""
    network = from_scratch(workload.embeddings, TrialKey("bench", 1.0), settings)
    network.embeddings.weight.requires_grad_(False)
    return network


def phases_of_an_epoch(
    workload: Workload, settings: TrainingSettings, folder: Path
) -> tuple[dict[str, float], int]:
    """Time the phases of one epoch on the CPU.

    Runs the steps of `core.training.epochs` with a timer around each, and writes a checkpoint to
    `folder`.

    Returns:
        Seconds by phase and the number of documents trained on.
    """
    watch = Stopwatch()
    training, validation = validation_split(workload.examples, 0.15, 0, "bench")
    network = frozen_network(workload, settings)
    optimizer = torch.optim.Adam(parameter_groups(network, settings), fused=True)
    runner, seen = PackedGruAtt(network), np.zeros(len(workload.embeddings), dtype=np.int64)
    order = torch.randperm(len(training)).numpy()
    for start in range(0, len(training), settings.batch_size):
        indices = order[start : start + settings.batch_size]
        with watch.phase("batching"):
            packed = pack(training.tokens, training.rows[indices], training.max_words, seen)
            targets = torch.from_numpy(training.targets[indices][packed.order].astype(np.float32))
            embedded = nn.functional.embedding(packed.words, network.embeddings.weight)
        with watch.phase("dropout masks"):
            width = 2 * settings.hidden_units
            keep = keep_factors(packed.total, width, settings.dropout, start)
        with watch.phase("forward"):
            logits = runner.logits(packed, embedded, keep).squeeze(1)
            loss = nn.functional.binary_cross_entropy_with_logits(logits, targets)
        with watch.phase("backward"):
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
        with watch.phase("optimizer"):
            optimizer.step()
    with watch.phase("validation"):
        logits_of(PackedPass(network), validation)
    with watch.phase("checkpoint"):
        state = {"network": network.state_dict(), "optimizer": optimizer.state_dict()}
        state["network"].pop("embeddings.weight")
        write_checkpoint(folder / "bench.resume", state, "bench")
    return dict(watch.seconds), len(training)
