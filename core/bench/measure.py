"""Run one measurement in a separate process: `python -m core.bench.measure REQUEST`.

The request is a JSON object, and so is the result on standard output.
"""

from __future__ import annotations

import dataclasses
import json
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from core.bench.phases import frozen_network, phases_of_an_epoch
from core.bench.plain import train_plainly
from core.bench.workload import Workload, random_workload
from core.corpus.examples import validation_split
from core.settings import Precision, TrainingSettings
from core.training.epochs import BatchProgress, EpochResult, Trainer, TrialKey
from core.training.initialisation import from_scratch, parameter_groups


@dataclass(frozen=True, slots=True)
class Request:
    """Parameters of a measurement; `kind` is plain, engine or phases."""

    kind: str
    documents: int = 1500
    words: int = 77
    vocabulary: int = 20_000
    epochs: int = 1
    device: str = "cpu"
    precision: Precision = "float32"
    trained_embeddings: bool = False
    batch_size: int = 128


class Silent:
    """Reporter that only records the seconds of each epoch."""

    def __init__(self) -> None:
        self.epochs: list[float] = []

    def is_due(self) -> bool:
        """Never."""
        return False

    def progressed(self, progress: BatchProgress) -> None:
        """Ignore the progress."""

    def epoch_done(self, result: EpochResult, is_kept: bool) -> None:  # noqa: ARG002
        """Record the epoch's seconds."""
        self.epochs.append(result.seconds)

    def should_stop(self) -> bool:
        """Never."""
        return False


def measure(request: Request) -> dict[str, Any]:
    """Measure documents, seconds and peak memory (`memory`, MiB), and details of the kind."""
    device = torch.device(request.device)
    settings = TrainingSettings(
        epochs=request.epochs,
        patience=request.epochs,
        precision=request.precision,
        batch_size=request.batch_size,
    )
    workload = random_workload(request.documents, request.words, request.vocabulary)
    details: dict[str, Any] = {}
    if request.kind == "plain":
        training, validation = validation_split(workload.examples, 0.15, 0, "bench")
        documents, seconds = train_plainly(
            Workload(training, workload.embeddings),
            settings,
            (1.0,),
            request.epochs,
            device,
            validation,
        )
    elif request.kind == "phases":
        torch.set_num_threads(1)
        with tempfile.TemporaryDirectory() as folder:
            details["phases"], documents = phases_of_an_epoch(workload, settings, Path(folder))
        seconds = sum(details["phases"].values())
    else:
        if device.type == "cpu":
            torch.set_num_threads(1)
        training, validation = validation_split(workload.examples, 0.15, 0, "bench")
        key = TrialKey("bench", 1.0)
        network = (
            from_scratch(workload.embeddings, key, settings)
            if request.trained_embeddings
            else frozen_network(workload, settings)
        )
        groups = parameter_groups(network, settings)
        reporter = Silent()
        trainer = Trainer(network, groups, training, validation, key, settings, device)
        started = time.perf_counter()
        trainer.run(reporter, lambda _: None)
        seconds = time.perf_counter() - started
        documents = len(training) * request.epochs
        details["epochs"] = reporter.epochs
    return {
        "documents": documents,
        "seconds": seconds,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "threads": torch.get_num_threads(),
        **details,
    }


def main(text: str) -> None:
    """Run the measurement of a JSON request and print the result as JSON."""
    request = Request(**json.loads(text))
    print(json.dumps({**dataclasses.asdict(request), **measure(request)}))


if __name__ == "__main__":
    main(sys.argv[1])
