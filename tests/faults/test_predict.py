"""`predict` killed in the middle: what is labelled is kept, and the same call goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tests.faults.mode import FULL
from tests.support.command_line import htrans
from tests.support.labelled import TOTAL, Labelled, labelled
from tests.support.messages import tells
from tests.support.trained import Trained
from tests.support.waiting import until

pytestmark = pytest.mark.slow

ALONE = ("--workers=1", "--device=cpu")
FIRST = 600
"""Documents that a call gets before it is disturbed."""


@pytest.fixture(scope="module")
def small(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Labelled:
    return labelled(tmp_path_factory, trained.workspace)


@contextmanager
def in_the_middle(
    trained: Trained, small: Labelled, output: Path, workers: int = 2
) -> Iterator[subprocess.Popen[str]]:
    """A call that has labelled some of what it was given, and waits for more."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "htrans_tui", "-w", str(trained.workspace.root)),
            *("predict", "small", "-", "--output", str(output), "--device=cpu"),
            f"--workers={workers}",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    partial = partial_of(output)
    try:
        assert process.stdin is not None
        process.stdin.write("".join(small.lines[:FIRST]))
        process.stdin.flush()
        until(lambda: partial.exists() and partial.read_bytes().count(b"\n") >= 256)
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stderr):
            assert pipe is not None
            with suppress(OSError):
                pipe.close()


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The processes that label documents for a call."""
    children = psutil.Process(process.pid).children()
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def partial_of(output: Path) -> Path:
    return output.with_name(f"{output.name}.partial")


def again(trained: Trained, small: Labelled, output: Path) -> subprocess.CompletedProcess[str]:
    return htrans(
        trained.workspace, "predict", "small", str(small.path), "--output", str(output), *ALONE
    )


def test_killed_in_the_middle_it_goes_on_to_the_same_bytes_and_no_process_stays(
    trained: Trained, small: Labelled, tmp_path: Path
) -> None:
    output = tmp_path / "o.jsonl"
    with in_the_middle(trained, small, output) as process:
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(workers_of(process)) == 2
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        _, alive = psutil.wait_procs(children, timeout=60)
        assert alive == [], "processes that nobody waits for stay behind"
    assert not output.exists()
    with partial_of(output).open("ab") as file:
        file.write(b'{"id": "d600", "labels": ["an')
    result = again(trained, small, output)
    assert result.returncode == 0, result.stderr
    assert "already labelled" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["o.jsonl"]
    found, wanted = output.read_bytes().splitlines(), small.output.read_bytes().splitlines()
    assert [json.loads(line)["id"] for line in found] == [json.loads(line)["id"] for line in wanted]
    differing = [(a, b) for a, b in zip(found, wanted, strict=True) if a != b]
    assert differing == []


def test_interrupted_it_says_so_in_one_line_and_keeps_what_it_has(
    trained: Trained, small: Labelled, tmp_path: Path
) -> None:
    output = tmp_path / "o.jsonl"
    with in_the_middle(trained, small, output, workers=1) as process:
        children = psutil.Process(process.pid).children(recursive=True)
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(60) == 1
        assert process.stderr is not None
        assert process.stderr.read().splitlines()[-1] == "error: interrupted"
        _, alive = psutil.wait_procs(children, timeout=60)
        assert alive == []
    lines = partial_of(output).read_bytes().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [f"d{i}" for i in range(len(lines))]
    assert len(lines) >= 256


@pytest.mark.skipif(
    not FULL, reason="long; HTRANS_FAULTS=full tries it, test_prediction.py without processes"
)
def test_when_a_labelling_process_is_killed_the_call_says_so_and_goes_on_next_time(
    trained: Trained, small: Labelled, tmp_path: Path
) -> None:
    output = tmp_path / "o.jsonl"
    with in_the_middle(trained, small, output) as process:
        for worker in workers_of(process):
            worker.kill()
        assert process.stdin is not None
        process.stdin.write("".join(small.lines[FIRST:]))
        process.stdin.close()
        assert process.wait(60) == 1
        assert process.stderr is not None
        (said,) = process.stderr.read().splitlines()
        assert tells(said, "error:", "prediction worker", "killed", "same command")
    result = again(trained, small, output)
    assert result.returncode == 0, result.stderr
    assert [json.loads(line)["id"] for line in output.read_bytes().splitlines()] == [
        f"d{i}" for i in range(TOTAL)
    ]
