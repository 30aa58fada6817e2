"""A worker process of bulk prediction, and the pool of these workers.

The command line imports this module, so torch and the models load in the workers only.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass

from core.engine.prediction.model_source import LoadedModels, ModelSource, load_models
from core.engine.prediction.output_formats import FORMATS, header_of
from core.errors import HTransError, InterruptedWorkError
from core.prediction.inputs import InputDocument
from core.process_pool import ProcessPool


@dataclass(frozen=True, slots=True)
class PredictionRequest:
    """Models, output format ("jsonl" or "csv"), device and number of worker processes."""

    source: ModelSource
    form: str = "jsonl"
    device: str = "cpu"
    workers: int = 1
    top_down: bool = False


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """Loaded models: their identity, the header of the output, categories without a model."""

    identity: str
    header: str
    without: int


@dataclass(frozen=True, slots=True)
class PredictedChunk:
    """Output lines of a chunk; (document, category) pairs scored and in total."""

    lines: str
    documents: int
    asked: int
    pairs: int


class Predictor:
    """Models loaded for a request, and the conversion of their predictions to output lines."""

    def __init__(self, request: PredictionRequest) -> None:
        """Load the models; raise `HTransError` if they cannot be loaded."""
        import torch

        self._request = request
        self._models: LoadedModels = load_models(
            request.source, torch.device(request.device), top_down=request.top_down
        )

    def describe(self) -> ModelDescription:
        """Describe the loaded models."""
        models = self._models
        header = header_of(self._request.form, models.classifier.categories)
        return ModelDescription(models.identity, header, models.without)

    def predict(self, chunk: Sequence[InputDocument]) -> PredictedChunk:
        """Predict the labels of a chunk of documents."""
        models = self._models
        predictions = models.classifier.predict([d.text for d in chunk], models.bounds)
        lines = FORMATS[self._request.form]([d.id for d in chunk], predictions)
        return PredictedChunk(lines, len(chunk), predictions.asked, predictions.pairs)


class PredictionPool:
    """Worker processes that keep the models loaded; each predicts one chunk at a time."""

    def __init__(self, pool: ProcessPool, size: int) -> None:
        """Start the first worker, which also computes what is missing, such as bounds."""
        self._pool = pool
        self.size = size
        self.models = pool.submit(_describe).result()

    def submit(self, chunk: Sequence[InputDocument]) -> Future[PredictedChunk]:
        """Let a worker predict a chunk."""
        return self._pool.submit(_predict, chunk)


@contextmanager
def prediction_pool(request: PredictionRequest) -> Iterator[PredictionPool]:
    """A pool of workers that have loaded the models of a request.

    Raises:
        HTransError: The models cannot be loaded.
        InterruptedWorkError: A worker was killed.
    """
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPool(request.workers, context, _start, request) as pool:
            yield PredictionPool(pool, request.workers)
    except BrokenProcessPool as error:
        raise InterruptedWorkError(
            "a prediction worker was killed, perhaps because memory ran out. Finished documents "
            "are kept: run the same command again to resume"
        ) from error


_loaded: Predictor | HTransError
"""The predictor of this worker process, or the error of loading its models."""


def _start(request: PredictionRequest) -> None:
    global _loaded
    os.environ["OMP_NUM_THREADS"] = "1"  # read when torch is imported
    import torch

    torch.set_num_threads(1)
    try:
        _loaded = Predictor(request)
    except HTransError as error:
        # The executor prints the traceback of an initializer that raises, so a task raises it.
        _loaded = error


def _predictor() -> Predictor:
    if isinstance(_loaded, HTransError):
        raise _loaded
    return _loaded


def _describe() -> ModelDescription:
    return _predictor().describe()


def _predict(chunk: Sequence[InputDocument]) -> PredictedChunk:
    return _predictor().predict(chunk)
