"""Sources to documents with tokens, in this process and in several."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from core.errors import InputError, InterruptedWorkError
from core.formats.corpus import reading
from core.formats.corpus.format import ReadingOptions
from core.formats.corpus.reading import Prepared, Reading, read_prepared
from core.text.tokenizer import tokenizer_for

AS_TOKENS = Reading("jsonl", ReadingOptions(), "en", 4)


def corpus(folder: Path, number: int, name: str = "corpus.jsonl", bad: int | None = None) -> str:
    """A file of `number` documents, of which `bad` has no text."""
    path = folder / name
    with path.open("w", encoding="utf-8") as file:
        for i in range(number):
            record = {"text": f"Tide {i % 7} is low, wave {i}.", "labels": [f"l{i % 3}"]}
            if i == bad:
                del record["text"]
            file.write(json.dumps(record) + "\n")
    return str(path)


def words(all_prepared: Iterator[Prepared]) -> list[tuple[str, list[str]]]:
    """The id and the words of each document."""
    found = []
    for prepared in all_prepared:
        ends = np.cumsum([0, *prepared.lengths])
        for place, document in enumerate(prepared.documents):
            tokens = prepared.tokens[ends[place] : ends[place + 1]]
            found.append((document.id, [prepared.words[token] for token in tokens]))
    return found


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "CHUNK", 10)


@pytest.mark.slow
@pytest.mark.usefixtures("small_chunks")
def test_documents_come_in_order_with_their_first_words(tmp_path: Path) -> None:
    source = corpus(tmp_path, 95)
    tokenize = tokenizer_for("en")
    expected = [
        (f"corpus.jsonl:{i + 1}", tokenize(f"Tide {i % 7} is low, wave {i}.", 4)) for i in range(95)
    ]
    assert words(read_prepared(AS_TOKENS, [source])) == expected
    assert words(read_prepared(AS_TOKENS, [source], processes=2)) == expected


@pytest.mark.usefixtures("small_chunks")
def test_records_are_counted_by_part_and_the_first_can_be_skipped(tmp_path: Path) -> None:
    sources = [corpus(tmp_path, 12, "a.jsonl"), corpus(tmp_path, 5, "b.jsonl")]
    found = list(read_prepared(AS_TOKENS, sources))
    assert [prepared.records for prepared in found] == [{0: 10}, {0: 2, 1: 5}]
    assert found[1].parts == [0, 0, 1, 1, 1, 1, 1]
    rest = [d.id for p in read_prepared(AS_TOKENS, sources, skip=13) for d in p.documents]
    assert rest == [f"b.jsonl:{i}" for i in range(2, 6)]


def test_without_words_only_labels_are_wanted(tmp_path: Path) -> None:
    labels_only = Reading("jsonl", ReadingOptions(), "en", None)
    [prepared] = read_prepared(labels_only, [corpus(tmp_path, 3)])
    assert [(d.text, d.labels) for d in prepared.documents] == [
        ("", ("l0",)),
        ("", ("l1",)),
        ("", ("l2",)),
    ]
    assert prepared.lengths == []


@pytest.mark.slow
@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("bad", [3, 77])
def test_what_is_wrong_is_raised_as_it_is_wherever_it_was_found(tmp_path: Path, bad: int) -> None:
    source = corpus(tmp_path, 95, bad=bad)
    with pytest.raises(InputError) as caught:
        list(read_prepared(AS_TOKENS, [source], processes=2))
    assert str(caught.value).startswith(f'{source}, line {bad + 1}: the field "text" is missing')


def test_a_lenient_reading_tells_what_is_wrong_and_goes_on(tmp_path: Path) -> None:
    source = corpus(tmp_path, 10, bad=4)
    lenient = Reading("jsonl", ReadingOptions(), "en", 4, lenient=True)
    [prepared] = read_prepared(lenient, [source])
    assert prepared.records == {0: 10}
    assert len(prepared.documents) == len(prepared.lengths) == len(prepared.hashes) == 9
    assert [problem.split(": ")[0] for problem in prepared.problems] == [f"{source}, line 5"]


def test_large_records_make_small_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_CHUNK_BYTES", 100)
    found = list(read_prepared(AS_TOKENS, [corpus(tmp_path, 10)]))
    assert [sum(prepared.records.values()) for prepared in found] == [2] * 5


def test_tokens_of_some_documents_have_no_words_of_the_others(tmp_path: Path) -> None:
    [prepared] = read_prepared(AS_TOKENS, [corpus(tmp_path, 3)])
    kept, tokens, lengths = prepared.tokens_of([False, True, False])
    assert kept == ["tide", "1", "is", "low"]
    assert (tokens.tolist(), lengths) == ([0, 1, 2, 3], [4])
    assert prepared.tokens_of([True] * 3)[0] == prepared.words
    none = prepared.tokens_of([False] * 3)
    assert (none[0], none[1].tolist(), none[2]) == ([], [], [])


@pytest.mark.usefixtures("small_chunks")
def test_a_killed_process_is_told_and_no_traceback(tmp_path: Path) -> None:
    found = read_prepared(AS_TOKENS, [corpus(tmp_path, 2000)], processes=2)
    for _ in range(6):
        next(found)
    spawned = []
    for child in psutil.Process().children(recursive=True):
        # Children of other tests may be ending.
        with contextlib.suppress(psutil.NoSuchProcess):
            if not child.children() and "forkserver" in " ".join(child.cmdline()):
                spawned.append(child)
    assert spawned
    for child in spawned:
        child.kill()
    with pytest.raises(InterruptedWorkError, match="--processes 1"):
        list(found)


SCRIPT = """
import sys
from core.formats.corpus import reading
from core.formats.corpus.format import ReadingOptions
reading.CHUNK = 10
if __name__ == "__main__":
    how = reading.Reading("jsonl", ReadingOptions(), "en", 4)
    for n, prepared in enumerate(reading.read_prepared(how, [sys.argv[1]], processes=2)):
        print(n, flush=True)
        if n == 5:
            sys.stdin.read()
"""


@pytest.mark.slow
def test_processes_end_with_the_one_that_they_work_for(tmp_path: Path) -> None:
    script = tmp_path / "reads.py"
    script.write_text(SCRIPT, encoding="utf-8")
    main = subprocess.Popen(
        [sys.executable, str(script), corpus(tmp_path, 2000)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path])},
    )
    try:
        assert main.stdout is not None
        for line in main.stdout:
            if line == "5\n":
                break
        children = psutil.Process(main.pid).children(recursive=True)
        assert len(children) >= 3
        main.send_signal(signal.SIGKILL)
        main.wait()
        deadline = time.monotonic() + 20
        while any(child.is_running() for child in children):
            assert time.monotonic() < deadline, children
            time.sleep(0.1)
    finally:
        main.kill()
        main.communicate()
