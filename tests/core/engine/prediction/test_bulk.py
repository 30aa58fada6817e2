"""Labelling in bulk: the order of the input, resuming, refusals; processes where they matter."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
import torch

from core.engine.prediction import bulk as prediction
from core.engine.prediction.bulk import PredictionReport, predict_to_file, predict_to_stream
from core.engine.prediction.model_source import ModelSource, load_models
from core.engine.prediction.output_formats import FORMATS, header_of
from core.engine.prediction.predict_worker import (
    ModelDescription,
    PredictedChunk,
    PredictionRequest,
)
from core.errors import ConflictError, HTransError, InputError
from core.prediction.classifier import Predictions
from core.prediction.inputs import InputDocument
from core.workspace import Workspace
from tests.support import small_corpus
from tests.support.command_line import error_line, htrans
from tests.support.labelled import TOTAL as TOTAL_LABELLED
from tests.support.labelled import Labelled, labelled, records
from tests.support.trained import Trained

CATEGORIES = ("animals", 'a;"quoted",\nid')
TOTAL = 23


def documents(number: int = TOTAL) -> list[InputDocument]:
    """Documents whose ids are hard to find again in a table."""
    ids = ["d{}", '"{}"', "a,{}", "two\nlines {}", "umlaut ü {}", "  {} ", "; {}", "tab\t{}"]
    return [InputDocument(ids[i % len(ids)].format(i), "fur" * (i % 3)) for i in range(number)]


class FakePool:
    """Labels in this process, with numbers that follow from the text."""

    identity = "some models"
    fails_at: int | None = None

    def __init__(self, request: PredictionRequest) -> None:
        self.size = request.workers
        header = header_of(request.form, CATEGORIES)
        self.models = ModelDescription(self.identity, header, without=0)
        self._form = FORMATS[request.form]
        self._chunks = 0
        self._failing: Future[PredictedChunk] | None = None

    def __enter__(self) -> FakePool:
        return self

    def __exit__(self, *_: object) -> None:
        return

    def submit(self, chunk: Sequence[InputDocument]) -> Future[PredictedChunk]:
        future: Future[PredictedChunk] = Future()
        self._chunks += 1
        if self._chunks - 1 == self.fails_at:
            # Others are labelled before it is known.
            self._failing = future
            threading.Timer(0.0 if self.size == 1 else 0.3, self._fail).start()
            return future
        scores = np.array([[len(d.text) / 10, np.nan] for d in chunk], dtype=np.float32)
        found = Predictions(CATEGORIES, scores, scores > 0.2, len(chunk), 2 * len(chunk))
        lines = self._form([d.id for d in chunk], found)
        future.set_result(PredictedChunk(lines, len(chunk), len(chunk), len(chunk)))
        return future

    def _fail(self) -> None:
        assert self._failing is not None
        self._failing.set_exception(HTransError("a labelling process has ended"))
        self._failing = None


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> type[FakePool]:
    """No process is started, and chunks are small."""

    class OwnPool(FakePool):
        pass

    monkeypatch.setattr(prediction, "prediction_pool", OwnPool)
    monkeypatch.setattr(prediction, "CHUNK", 4)
    return OwnPool


def request_for(output: Path, workers: int = 1) -> PredictionRequest:
    return PredictionRequest(ModelSource(None, "m"), output.suffix[1:], workers=workers)


def predict(output: Path, given: Iterator[InputDocument] | None = None) -> PredictionReport:
    return predict_to_file(
        request_for(output), iter(documents()) if given is None else given, output
    )


def broken_off(after: int) -> Iterator[InputDocument]:
    """The first documents, and then a line that cannot be read."""
    yield from documents()[:after]
    raise InputError("not JSON; correct it", source="t.jsonl", line=after + 1)


def partial_of(output: Path) -> Path:
    return output.with_name(f"{output.name}.partial")


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def ids_in(output: Path) -> list[str]:
    with output.open(encoding="utf-8", newline="") as file:
        if ".csv" in output.suffixes:
            return [row[0] for row in csv.reader(file)][1:]
        return [json.loads(line)["id"] for line in file]


both_forms = pytest.mark.parametrize("name", ["o.jsonl", "o.csv"])


@both_forms
def test_every_document_has_its_row_in_the_order_of_the_input(
    tmp_path: Path, pool: type[FakePool], name: str
) -> None:
    report = predict(tmp_path / name)
    assert ids_in(tmp_path / name) == [document.id for document in documents()]
    assert (report.documents, report.resumed) == (TOTAL, 0)
    assert left_in(tmp_path) == [name]


@both_forms
def test_no_document_is_an_empty_output(tmp_path: Path, pool: type[FakePool], name: str) -> None:
    predict(tmp_path / name, iter(()))
    assert ids_in(tmp_path / name) == []
    assert left_in(tmp_path) == [name]


def test_lines_have_id_labels_and_the_scores_that_there_are(
    tmp_path: Path, pool: type[FakePool]
) -> None:
    predict(tmp_path / "o.jsonl")
    lines = (tmp_path / "o.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[2]) == {"id": "a,2", "labels": ["animals"], "scores": {"animals": 0.6}}
    assert json.loads(lines[0]) == {"id": "d0", "labels": [], "scores": {"animals": 0.0}}


def test_table_has_a_column_for_each_category(tmp_path: Path, pool: type[FakePool]) -> None:
    predict(tmp_path / "o.csv")
    with (tmp_path / "o.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["id", "labels", *CATEGORIES]
    assert rows[2] == {"id": "a,2", "labels": "animals", CATEGORIES[0]: "0.6", CATEGORIES[1]: ""}


@both_forms
@pytest.mark.parametrize("after", [0, 1, 3, 4, 5, 11, 12, TOTAL - 1, TOTAL])
def test_after_a_bad_line_is_corrected_the_output_is_that_of_an_undisturbed_run(
    tmp_path: Path, pool: type[FakePool], name: str, after: int
) -> None:
    whole, output = tmp_path / f"whole.{name}", tmp_path / name
    predict(whole)
    with pytest.raises(InputError, match=f"line {after + 1}: not JSON"):
        predict(output, broken_off(after))
    assert not output.exists()
    kept = ids_in(partial_of(output)) if after else []  # a first line is read before all else
    assert kept == [document.id for document in documents()[:after]]
    report = predict(output)
    assert report.documents + report.resumed == TOTAL
    assert output.read_bytes() == whole.read_bytes()
    assert left_in(tmp_path) == sorted([name, whole.name])


@pytest.mark.slow
@both_forms
def test_wherever_the_file_was_cut_the_output_is_that_of_an_undisturbed_run(
    tmp_path: Path, pool: type[FakePool], name: str
) -> None:
    whole, output = tmp_path / f"whole.{name}", tmp_path / name
    predict(whole)
    content = whole.read_bytes()
    with pytest.raises(InputError):
        predict(output, broken_off(5))
    about = partial_of(output).with_name(f"{name}.partial.json")
    identity = about.read_text()
    for end in range(0, len(content) + 1, 7):
        partial_of(output).write_bytes(content[:end])
        about.write_text(identity)
        predict(output)
        assert output.read_bytes() == content, f"cut after {end} bytes"
        output.unlink()


@pytest.mark.parametrize("key", ["a\rb", "\r\n", "\u2028", "\x85x", "\x0c", "", "a\0b"])
@both_forms
def test_ids_of_any_kind_are_found_again(
    tmp_path: Path, pool: type[FakePool], name: str, key: str
) -> None:
    given = [InputDocument(f"{key}{i}" if i else key, "fur") for i in range(9)]

    def some() -> Iterator[InputDocument]:
        yield from given[:6]
        raise InputError("bad", source="t")

    with pytest.raises(InputError):
        predict(tmp_path / name, some())
    predict(tmp_path / name, iter(given))
    assert ids_in(tmp_path / name) == [document.id for document in given]


@pytest.mark.slow
@both_forms
@pytest.mark.parametrize("workers", [1, 3])
def test_after_a_process_has_died_nothing_is_out_of_order_and_the_same_call_goes_on(
    tmp_path: Path, pool: type[FakePool], name: str, workers: int
) -> None:
    output, whole = tmp_path / name, tmp_path / f"whole.{name}"
    predict(whole)
    for fails_at in (0, 1, 3):
        pool.fails_at = fails_at
        with pytest.raises(HTransError, match="a labelling process has ended"):
            predict_to_file(request_for(output, workers), iter(documents()), output)
        written = ids_in(partial_of(output))
        assert written == [document.id for document in documents()[: len(written)]]
    pool.fails_at = None
    predict(output)
    assert output.read_bytes() == whole.read_bytes()


def test_to_a_stream_nothing_is_written_past_a_chunk_that_failed(pool: type[FakePool]) -> None:
    pool.fails_at = 2
    stream = io.StringIO()
    request = PredictionRequest(ModelSource(None, "m"), workers=4)
    with pytest.raises(HTransError):
        predict_to_stream(request, iter(documents()), stream)
    written = [json.loads(line)["id"] for line in stream.getvalue().splitlines()]
    assert written == [document.id for document in documents()[: len(written)]]


@both_forms
def test_what_other_models_wrote_is_refused_and_kept(
    tmp_path: Path, pool: type[FakePool], name: str
) -> None:
    output = tmp_path / name
    with pytest.raises(InputError):
        predict(output, broken_off(9))
    before = {path: (tmp_path / path).read_bytes() for path in left_in(tmp_path)}
    pool.identity = "other models"
    with pytest.raises(ConflictError, match="begun with other models, thresholds or options"):
        predict(output)
    assert {path: (tmp_path / path).read_bytes() for path in left_in(tmp_path)} == before
    pool.identity = "some models"
    assert predict(output).resumed > 0


@both_forms
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda given: given[1:], "document 1 is 'd0' there and '\"1\"' in the input"),
        (lambda given: given[:6] + given[7:], "document 7 is"),
        (lambda given: given[:3], "no more in the input"),
        (lambda given: [], "document 1 is 'd0' there and no more in the input"),
    ],
)
def test_another_input_is_refused_and_nothing_is_lost(
    tmp_path: Path, pool: type[FakePool], name: str, change: Any, said: str
) -> None:
    output = tmp_path / name
    with pytest.raises(InputError):
        predict(output, broken_off(9))
    before = partial_of(output).read_bytes()
    with pytest.raises(ConflictError, match=said):
        predict(output, iter(change(documents())))
    assert partial_of(output).read_bytes() == before
    predict(output)
    assert ids_in(output) == [document.id for document in documents()]


def test_partial_file_without_word_of_its_models_is_refused(
    tmp_path: Path, pool: type[FakePool]
) -> None:
    output = tmp_path / "o.jsonl"
    partial_of(output).write_text('{"id": "d0"}\n')
    with pytest.raises(ConflictError, match="remove it, or choose another --output"):
        predict(output)
    assert partial_of(output).read_text() == '{"id": "d0"}\n'


def test_output_that_is_there_is_refused_unless_it_may_be_replaced(
    tmp_path: Path, pool: type[FakePool]
) -> None:
    output = tmp_path / "o.jsonl"
    output.write_text("mine")
    with pytest.raises(ConflictError, match=r"is there already.*--overwrite"):
        predict(output)
    assert output.read_text() == "mine"
    assert left_in(tmp_path) == ["o.jsonl"]
    with pytest.raises(InputError):
        predict_to_file(request_for(output), broken_off(9), output, overwrite=True)
    assert output.read_text() == "mine", "replaced before it was whole"
    predict_to_file(request_for(output), iter(documents()), output, overwrite=True)
    assert ids_in(output) == [document.id for document in documents()]


def test_output_that_is_a_folder_is_refused(tmp_path: Path, pool: type[FakePool]) -> None:
    (tmp_path / "o.jsonl").mkdir()
    for overwrite in (False, True):
        with pytest.raises(ConflictError):
            predict_to_file(
                request_for(tmp_path / "o.jsonl"),
                iter(documents()),
                tmp_path / "o.jsonl",
                overwrite=overwrite,
            )


def test_output_in_a_folder_that_is_not_there_is_one_line(
    tmp_path: Path, pool: type[FakePool]
) -> None:
    with pytest.raises(HTransError, match="cannot be written"):
        predict(tmp_path / "none" / "o.jsonl")


def test_of_two_on_one_output_the_second_is_refused(tmp_path: Path, pool: type[FakePool]) -> None:
    output = tmp_path / "o.jsonl"
    refused: list[str] = []

    def interrupted_by_another() -> Iterator[InputDocument]:
        yield from documents()[:9]
        with pytest.raises(ConflictError) as caught:
            predict(output)
        refused.append(str(caught.value))
        yield from documents()[9:]

    predict(output, interrupted_by_another())
    assert "another process writes it; choose another --output" in refused[0]
    assert ids_in(output) == [document.id for document in documents()]


@pytest.mark.slow
@pytest.mark.parametrize("after", [1, 130, 256, 300])
def test_an_interrupted_run_has_the_scores_of_an_undisturbed_one(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    models = load_models(
        ModelSource(trained.workspace.root, "small"), torch.device("cpu"), top_down=False
    )

    class RealPool(FakePool):
        def submit(self, chunk: Sequence[InputDocument]) -> Future[PredictedChunk]:
            future: Future[PredictedChunk] = Future()
            found = models.classifier.predict([document.text for document in chunk])
            lines = self._form([document.id for document in chunk], found)
            future.set_result(PredictedChunk(lines, len(chunk), 1, 1))
            return future

    monkeypatch.setattr(prediction, "prediction_pool", RealPool)
    given = [
        InputDocument(str(document["id"]), str(document["text"]))
        for document in small_corpus.documents(320, seed=3)
    ]

    def some() -> Iterator[InputDocument]:
        yield from given[:after]
        raise InputError("bad", source="t")

    predict(tmp_path / "whole.jsonl", iter(given))
    with pytest.raises(InputError):
        predict(tmp_path / "o.jsonl", some())
    predict(tmp_path / "o.jsonl", iter(given))
    found, wanted = (records(tmp_path / name) for name in ("o.jsonl", "whole.jsonl"))
    assert [(a, b) for a, b in zip(found, wanted, strict=True) if a != b] == []


# Processes of their own from here on.


@pytest.fixture(scope="module")
def small(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Labelled:
    return labelled(tmp_path_factory, trained.workspace)


@pytest.mark.slow
def test_two_processes_keep_the_order_of_the_input(small: Labelled) -> None:
    found = records(small.output)
    assert [record["id"] for record in found] == [f"d{i}" for i in range(TOTAL_LABELLED)]
    for record in found:
        assert set(record) == {"id", "labels", "scores"}
        accepted = {key for key, score in record["scores"].items() if score >= 0.5}
        assert accepted == set(record["labels"])


@pytest.mark.slow
def test_exported_and_asked_from_the_top_down_a_table_has_the_same_labels(
    own_copy: Workspace, small: Labelled, tmp_path: Path
) -> None:
    folder, output = tmp_path / "model", tmp_path / "o.csv"
    exported = htrans(own_copy, "export", "small", str(folder), "--json")
    assert exported.returncode == 0, exported.stderr
    assert json.loads(exported.stdout)["trained"] == 6
    nowhere = Workspace(tmp_path / "nowhere")
    arguments = ("predict", str(folder), str(small.path), "--workers=1", "--device=cpu")
    done = htrans(nowhere, *arguments, "--top-down", "--output", str(output))
    assert done.returncode == 0, done.stderr
    assert "document-category pairs" in done.stderr
    assert not nowhere.root.exists()
    with output.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    plain = records(small.output)
    assert [(r["id"], r["labels"]) for r in rows] == [
        (p["id"], ";".join(p["labels"])) for p in plain
    ]
    assert any(row["cats"] == "" for row in rows), "every pair was asked"
    for row, its in zip(rows, plain, strict=True):
        for key, score in its["scores"].items():
            assert row[key] == "" or float(row[key]) == pytest.approx(score, abs=1e-6)


@contextmanager
def on_a_pipe(trained: Trained) -> Iterator[tuple[subprocess.Popen[str], IO[str], IO[str]]]:
    """A call that labels what comes on its standard input; the process, its input and output."""
    command = [sys.executable, "-m", "htrans_tui", "-w", str(trained.workspace.root)]
    process = subprocess.Popen(
        [*command, "predict", "small", "-", "--workers=1", "--device=cpu"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process, process.stdin, process.stdout
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            assert pipe is not None
            with suppress(OSError):
                pipe.close()


@pytest.mark.slow
def test_from_a_pipe_a_label_comes_before_the_input_ends(trained: Trained) -> None:
    with on_a_pipe(trained) as (process, to, out):
        for text in ("kitten purr meow fur", "apple pear taste"):
            to.write(f"{text}\n")
            to.flush()
            record = json.loads(out.readline())
            assert record["id"].startswith("stdin:")
            assert record["labels"]
        to.close()
        assert out.read() == ""
        assert process.wait(60) == 0


@pytest.mark.slow
def test_when_nobody_reads_the_labels_any_longer_it_ends_without_a_word(trained: Trained) -> None:
    with on_a_pipe(trained) as (process, to, out):
        to.write("kitten purr\n")
        to.flush()
        out.readline()
        out.close()
        to.write("apple pear\n")
        to.flush()
        assert process.wait(60) == 1
        assert process.stderr is not None
        # On a machine that is slow today it has said how far it was.
        said = process.stderr.read().splitlines()
        assert all(line.startswith("labelling with small: ") for line in said)


def test_run_that_does_not_exist_is_named(trained: Trained, tmp_path: Path) -> None:
    output = str(tmp_path / "o.jsonl")
    result = htrans(trained.workspace, "predict", "nobody", "-", "--output", output, input="low\n")
    assert "'nobody'" in error_line(result)
    assert left_in(tmp_path) == []
