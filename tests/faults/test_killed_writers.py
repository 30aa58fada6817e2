"""A process that is killed while it writes leaves every file under its final name whole."""

from __future__ import annotations

import itertools
import random
import shutil
import signal
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from tests.faults.kinds import PLAIN, WRITTEN_BY_THE_ENGINE, Kind
from tests.faults.mode import FULL, KILLS
from tests.support.forked import forking

LONGEST_LIFE = 0.3
"""Seconds that a writer lives at most after its first file."""


@dataclass(slots=True)
class Harvest:
    """What was found after the kills; `inside` counts those that left a temporary file."""

    corrupt: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    inside: int = 0
    written: int = 0


def write_for_ever(kind: Kind, folder: Path, done: Connection) -> None:
    """The life of a writer: content after content, each reported once it is said to be there."""
    for number in itertools.count():
        kind.write(folder, number)
        done.send(number)


def kill_a_writer(kind: Kind, folder: Path, life: float) -> int:
    """Start a writer, kill it `life` seconds after its first file; the last number it reported."""
    context = forking()
    reports, done = context.Pipe(duplex=False)
    writer = context.Process(target=write_for_ever, args=(kind, folder, done))
    writer.start()
    done.close()
    last = int(reports.recv())
    time.sleep(life)
    writer.kill()
    writer.join()
    assert writer.exitcode == -signal.SIGKILL, "the writer ended by itself; see its traceback"
    while reports.poll():
        try:
            last = int(reports.recv())
        except EOFError:
            break
    reports.close()
    return last


def kill_writers(kind: Kind, folder: Path) -> Harvest:
    """Kill one writer after another, each in a folder of its own, and look at what they left."""
    moments = random.Random(kind.name)
    harvest = Harvest()
    for number in range(KILLS):
        place = folder / str(number)
        place.mkdir()
        reported = kill_a_writer(kind, place, moments.uniform(0.0, LONGEST_LIFE))
        harvest.inside += any(place.rglob("*.partial"))
        harvest.written += reported + 1
        try:
            found = kind.read(place)
        except Exception as error:
            harvest.corrupt.append(f"kill {number}: {type(error).__name__}: {error}")
        else:
            if max(found, default=-1) < reported:
                harvest.lost.append(f"kill {number}: {reported} was reported, {found} is there")
        shutil.rmtree(place)
    print(
        f"\n{kind.name}: {len(harvest.corrupt)} of {KILLS} corrupt, {len(harvest.lost)} lost; "
        f"{harvest.inside} kills inside a write, {harvest.written} files written"
    )
    return harvest


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(k, id=k.name, marks=() if k.name == "checkpoint" else pytest.mark.slow)
        for k in WRITTEN_BY_THE_ENGINE
    ],
)
def test_killed_writer_leaves_whole_files_and_loses_none_that_it_reported(
    kind: Kind, tmp_path: Path
) -> None:
    harvest = kill_writers(kind, tmp_path)
    assert harvest.corrupt == []
    assert harvest.lost == []
    if FULL:
        assert harvest.inside > 0, "no kill landed inside a write, so nothing was tried"


@pytest.mark.slow
def test_writer_that_writes_straight_to_the_final_name_leaves_corrupt_files(
    tmp_path: Path,
) -> None:
    harvest = kill_writers(PLAIN, tmp_path)
    if FULL:
        assert harvest.corrupt, "the harness must see what a kill does to a plain torch.save"
