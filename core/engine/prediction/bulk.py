"""Labelling documents in bulk: read, divided among processes, written in the order of the input.

What has been labelled is in OUTPUT.partial until all is; a call that finds one goes on after its
last whole line, if the same models wrote it and the input begins with the same documents.
"""

from __future__ import annotations

import csv
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any

from core.engine.prediction.model_source import ModelSource
from core.errors import ConflictError, HTransError
from core.prediction.inputs import InputDocument

CHUNK = 256
"""Documents that a process labels together."""
_PAUSE = 0.2
"""Seconds without a further document after which a smaller chunk is labelled."""
_SYNC = 5.0
"""Seconds between two writes that are forced to disk."""

Progress = Callable[[int], None]
"""Called with the number of documents that are labelled."""

_WORKER = "core.engine.prediction.predict_worker"


@dataclass(frozen=True, slots=True)
class PredictionRequest:
    """What is to label, on which device, and how many processes at once.

    `form` is "jsonl" or "csv". Without `output`, lines go to `stream`.
    """

    source: ModelSource
    form: str = "jsonl"
    device: str = "cpu"
    workers: int = 1
    top_down: bool = False


@dataclass(slots=True)
class PredictionReport:
    """What was done: documents labelled now and before, seconds, pairs asked of all there are.

    `without` categories have no model.
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
    progress: Progress = lambda _: None,
    *,
    overwrite: bool = False,
) -> PredictionReport:
    """Label documents into a file, which has its name only when it is whole.

    Raises `ConflictError` if there is one already, or a partial one of other models or documents.
    """
    if output.exists() and not overwrite:
        raise ConflictError(f"{output} is there already; choose another, or use --overwrite")
    if output.is_dir():
        raise ConflictError(f"{output} is a folder; name a file")
    partial = output.with_name(f"{output.name}.partial")
    # An input that cannot be read is better known before the models are loaded.
    first = next(documents, None)
    documents = chain([] if first is None else [first], documents)
    report = PredictionReport()
    with ExitStack() as stack:
        try:
            file = stack.enter_context(_open_locked(partial))
        except OSError as error:
            raise HTransError(f"{partial}: cannot be written ({error.strerror})") from error
        pool = stack.enter_context(_Pool(request))
        report.without = pool.without
        identity = json.dumps({"models": pool.identity, "form": request.form})
        report.resumed = _resume(file, partial, request.form, identity, documents)
        if not report.resumed:
            file.seek(0)
            file.truncate()
            _identity_path(partial).write_text(identity, encoding="utf-8")
            file.write(pool.header.encode())
        synced = time.monotonic()

        def write(lines: str) -> None:
            nonlocal synced
            file.write(lines.encode())
            file.flush()
            if time.monotonic() - synced > _SYNC:
                os.fsync(file.fileno())
                synced = time.monotonic()

        _label(pool, _chunks(documents, whole=True), write, report, progress)
        file.flush()
        os.fsync(file.fileno())
        partial.replace(output)
        _identity_path(partial).unlink(missing_ok=True)
    return report


def predict_to_stream(
    request: PredictionRequest,
    documents: Iterator[InputDocument],
    stream: IO[str],
    progress: Progress = lambda _: None,
) -> PredictionReport:
    """Label documents and write each as soon as those before it are written."""
    report = PredictionReport()
    with _Pool(request) as pool:
        report.without = pool.without

        def write(lines: str) -> None:
            stream.write(lines)
            stream.flush()

        if pool.header:
            write(pool.header)
        _label(pool, _chunks(documents, whole=False), write, report, progress)
    return report


def _label(
    pool: _Pool,
    chunks: Iterator[list[InputDocument]],
    write: Callable[[str], None],
    report: PredictionReport,
    progress: Progress,
) -> None:
    """Label chunks and write them in their order; an empty one only gives what is ready a turn."""
    began = time.monotonic()
    under_way: deque[Future[tuple[int, dict[str, Any]]]] = deque()

    def finish() -> None:
        number, answer = under_way.popleft().result()
        write(answer["lines"])
        report.documents += number
        report.asked += answer["asked"]
        report.pairs += answer["pairs"]
        progress(report.resumed + report.documents)

    unreadable: HTransError | None = None
    while True:
        try:
            chunk = next(chunks, None)
        except HTransError as error:
            # What came before a document that cannot be read is labelled.
            unreadable, chunk = error, None
        if chunk is None:
            break
        if chunk:
            under_way.append(pool.submit(chunk))
        # Two chunks for each process, so that none waits for the next.
        while under_way and (under_way[0].done() or len(under_way) > 2 * pool.size):
            finish()
    while under_way:
        finish()
    report.seconds = time.monotonic() - began
    if unreadable is not None:
        raise unreadable


def _chunks(documents: Iterator[InputDocument], *, whole: bool) -> Iterator[list[InputDocument]]:
    """`CHUNK` documents at a time, an empty list after each pause in which none came.

    Where they need not be `whole`, a pause ends a chunk. The last digits of a score depend on the
    documents that it is computed with, so that those of a file must be the same however often its
    making was interrupted; on a stream somebody waits for the next line.
    """
    came: queue.Queue[InputDocument | BaseException | None] = queue.Queue(4 * CHUNK)

    def read() -> None:
        try:
            for document in documents:
                came.put(document)
        except BaseException as error:
            came.put(error)
        else:
            came.put(None)

    threading.Thread(target=read, name="reader", daemon=True).start()
    chunk: list[InputDocument] = []
    while True:
        try:
            document = came.get(timeout=_PAUSE)
        except queue.Empty:
            if whole:
                yield []
            else:
                yield chunk
                chunk = []
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


class _Pool:
    """Processes that keep the models loaded; each labels one chunk at a time."""

    def __init__(self, request: PredictionRequest) -> None:
        self.size = request.workers
        self._request = request
        self._free: queue.SimpleQueue[subprocess.Popen[str]] = queue.SimpleQueue()
        self._all: list[subprocess.Popen[str]] = []
        self._threads = ThreadPoolExecutor(self.size)
        self.identity = ""
        self.header = ""
        self.without = 0

    def __enter__(self) -> _Pool:
        try:
            # The first learns what is not known yet, such as bounds; the others find it.
            self._add(self._start())
            others = [self._start() for _ in range(self.size - 1)]
            for process in others:
                self._add(process)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._all:
            process.kill()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for process in self._all:
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()

    def submit(self, chunk: Sequence[InputDocument]) -> Future[tuple[int, dict[str, Any]]]:
        """Let a process label a chunk."""
        return self._threads.submit(self._label, chunk)

    def _label(self, chunk: Sequence[InputDocument]) -> tuple[int, dict[str, Any]]:
        process = self._free.get()
        try:
            answer = self._ask(process, {"documents": [(d.id, d.text) for d in chunk]})
        finally:
            self._free.put(process)
        return len(chunk), answer

    def _start(self) -> subprocess.Popen[str]:
        request = self._request
        source = request.source
        settings = {
            "workspace": None if source.workspace is None else str(source.workspace),
            "name": source.name,
            "device": request.device,
            "top_down": request.top_down,
            "form": request.form,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", _WORKER, json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONIOENCODING": "utf-8"},
        )
        self._all.append(process)
        return process

    def _add(self, process: subprocess.Popen[str]) -> None:
        ready = self._ask(process, None)["ready"]
        self.identity, self.header = ready["identity"], ready["header"]
        self.without = ready["without"]
        self._free.put(process)

    def _ask(self, process: subprocess.Popen[str], request: object) -> dict[str, Any]:
        assert process.stdin is not None
        assert process.stdout is not None
        line = ""
        try:
            if request is not None:
                process.stdin.write(json.dumps(request) + "\n")
                process.stdin.flush()
            line = process.stdout.readline()
        except (OSError, ValueError):
            pass
        if not line:
            raise HTransError(
                f"a labelling process has ended (exit code {process.wait()}); what is written is "
                "kept, and the same command goes on"
            )
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise HTransError(answer["error"])
        return answer


def _identity_path(partial: Path) -> Path:
    return partial.with_name(f"{partial.name}.json")


def _open_locked(partial: Path) -> IO[bytes]:
    """The partial file for reading and writing; only one process may have it."""
    import fcntl

    file = partial.open("a+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise ConflictError(
            f"{partial}: another process writes it; choose another --output"
        ) from None
    return file


def _resume(
    file: IO[bytes],
    partial: Path,
    form: str,
    identity: str,
    documents: Iterator[InputDocument],
) -> int:
    """Skip the documents that are labelled already; return how many.

    The file is cut after its last whole chunk.
    """
    file.seek(0, os.SEEK_END)
    if not file.tell():
        return 0
    try:
        written_by = _identity_path(partial).read_text(encoding="utf-8")
    except OSError:
        written_by = ""
    if written_by != identity:
        raise ConflictError(
            f"{partial}: begun with other models, thresholds or options; remove it, or choose "
            "another --output"
        )
    # Chunks are labelled together, so that one that was broken off begins anew.
    ends: list[tuple[str, int]] = []
    file.seek(0)
    ends.extend(_whole_rows(file, form))
    wanted = ends[: len(ends) - len(ends) % CHUNK]
    for number, (key, _) in enumerate(wanted, start=1):
        document = next(documents, None)
        if document is None or document.id != key:
            found = "no more" if document is None else repr(document.id)
            raise ConflictError(
                f"{partial}: document {number:,} is {key!r} there and {found} in the input; "
                "give the same input, or remove the file"
            )
    if wanted:
        file.seek(wanted[-1][1])
        file.truncate()
    return len(wanted)


def _whole_rows(file: IO[bytes], form: str) -> Iterator[tuple[str, int]]:
    """The id of each row that was written whole, and where the row ends in the file."""
    if form == "csv":
        yield from _whole_table_rows(file)
        return
    end = 0
    for line in file:
        try:
            key = json.loads(line)["id"]
        except (ValueError, KeyError, TypeError):
            return
        if not line.endswith(b"\n"):
            return
        end += len(line)
        yield key, end


def _whole_table_rows(file: IO[bytes]) -> Iterator[tuple[str, int]]:
    end = 0

    def lines() -> Iterator[str]:
        nonlocal end
        for line in file:
            if not line.endswith(b"\n"):
                return
            end += len(line)
            yield line.decode("utf-8", "replace")

    columns = None
    for row in csv.reader(lines()):
        if columns is None:
            columns = len(row)
        elif len(row) == columns:
            yield row[0], end
        else:
            return
