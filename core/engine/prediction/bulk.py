"""Bulk prediction: worker processes predict chunks of documents, written in input order.

An output file is resumable: see `core.engine.prediction.partial_output`.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO

from core.engine.prediction.partial_output import PartialOutput
from core.engine.prediction.predict_worker import (
    PredictionPool,
    PredictionRequest,
    prediction_pool,
)
from core.errors import ConflictError
from core.ordered_map import ordered_map
from core.prediction.inputs import InputDocument
from core.progress import Count

CHUNK = 256
"""Documents that are predicted together."""
_PAUSE = 0.2
"""Seconds without a further document after which a stream's incomplete chunk is predicted."""


@dataclass(slots=True)
class PredictionReport:
    """Summary of a bulk prediction.

    `documents` were predicted in this call, `resumed` were in the partial file. `asked` and `pairs`
    count the (document, category) pairs scored and in total. `without` counts the categories
    without a model.
    """

    documents: int = 0
    resumed: int = 0
    seconds: float = 0.0
    asked: int = 0
    pairs: int = 0
    without: int = 0


def predict_to_file(
    request: PredictionRequest,
    documents: Iterator[InputDocument],
    output: Path,
    progress: Count = lambda _: None,
    *,
    overwrite: bool = False,
) -> PredictionReport:
    """Predict the labels of documents into a file. Atomic and resumable.

    Args:
        request: Models and workers.
        documents: Input documents.
        output: File to write. It appears when it is complete.
        progress: Called with the number of documents in the file.
        overwrite: Replace an existing output.

    Raises:
        ConflictError: The output exists, or other models or another input wrote its partial file.
        InputError: A document cannot be read. All documents before it are written.
        InterruptedWorkError: A worker was killed.
    """
    if output.exists() and not overwrite:
        raise ConflictError(f"{output} is there already; choose another, or use --overwrite")
    if output.is_dir():
        raise ConflictError(f"{output} is a folder; name a file")
    # Report an unreadable input before the models are loaded.
    first = next(documents, None)
    documents = chain([] if first is None else [first], documents)
    with PartialOutput(output, request.form) as partial, prediction_pool(request) as pool:
        models = pool.models
        report = PredictionReport(without=models.without)
        report.resumed = partial.resume(models.identity, models.header, documents, CHUNK)
        _predict(pool, _chunks(documents, flush=False), partial.write, report, progress)
        partial.complete()
    return report


def predict_to_stream(
    request: PredictionRequest,
    documents: Iterator[InputDocument],
    stream: IO[str],
    progress: Count = lambda _: None,
) -> PredictionReport:
    """Predict the labels of documents; write each row as soon as the rows before it are written."""
    with prediction_pool(request) as pool:
        report = PredictionReport(without=pool.models.without)

        def write(lines: str) -> None:
            stream.write(lines)
            stream.flush()

        if pool.models.header:
            write(pool.models.header)
        _predict(pool, _chunks(documents, flush=True), write, report, progress)
    return report


def _predict(
    pool: PredictionPool,
    chunks: Iterator[list[InputDocument] | None],
    write: Callable[[str], None],
    report: PredictionReport,
    progress: Count,
) -> None:
    started = time.monotonic()
    # Two chunks for each worker, so that no worker waits for its next one.
    for predicted in ordered_map(pool.submit, chunks, 2 * pool.size):
        write(predicted.lines)
        report.documents += predicted.documents
        report.asked += predicted.asked
        report.pairs += predicted.pairs
        report.seconds = time.monotonic() - started
        progress(report.resumed + report.documents)


def _chunks(
    documents: Iterator[InputDocument], *, flush: bool
) -> Iterator[list[InputDocument] | None]:
    """`CHUNK` documents at a time, and None after a pause without a complete chunk.

    With `flush`, a pause ends a chunk: the reader of a stream waits for the next line. The last
    digits of a score depend on the other documents of its chunk. So the chunks of a file stay
    complete, and a resumed file has the same bytes.
    """
    arrivals: queue.Queue[InputDocument | BaseException | None] = queue.Queue(4 * CHUNK)

    def read() -> None:
        try:
            for document in documents:
                arrivals.put(document)
        except BaseException as error:
            arrivals.put(error)
        else:
            arrivals.put(None)

    threading.Thread(target=read, name="reader", daemon=True).start()
    chunk: list[InputDocument] = []
    while True:
        try:
            document = arrivals.get(timeout=_PAUSE)
        except queue.Empty:
            if chunk and flush:
                yield chunk
                chunk = []
            else:
                yield None
            continue
        if document is None or isinstance(document, BaseException):
            if chunk:
                yield chunk
            if document is not None:
                raise document
            return
        chunk.append(document)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
