"""Commands at random, sensible and not, against a workspace whose engine trains and is killed.

HTRANS_FAULTS=full gives many of them; otherwise a few, to keep the suite short.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from core.workspace import Workspace
from db.connection import Store
from tests.faults.engine_runs import engine_processes
from tests.faults.mode import FULL
from tests.support.command_line import htrans, htrans_json
from tests.support.waiting import until

pytestmark = pytest.mark.slow

SEEDS = tuple(range(8)) if FULL else (0,)
COMMANDS = 60 if FULL else 25
ONE = ("--device=cpu", "--workers=1")
SMALL = ("--hidden-units=8", "--dimensions=8", "--epochs=2", *ONE)
RUNS = ("r", "other", "linear", "third", "r+tuned", "no-such", "", "-", "r/../r", "Ω", "a b")
CATEGORIES = ("cats", "animals", "food", "unused", "no-such", "", "Ω", "cats,dogs")
TEXTS = ("purr whiskers", "", "\x00\x1b[31m", "引き潮", "a " * 5000)
ODD = ("--no-such-option", "--json", "-1", "nan", "--workers=0", "--epochs=-3", "--category", "'")


@dataclass
class Player:
    """Draws commands and holds each to what every command promises."""

    place: Workspace
    folder: Path
    draw: random.Random
    said: list[str] = field(default_factory=list)

    def play(self) -> None:
        """One command, three at once, or a SIGKILL of one process of the engine."""
        if self.draw.random() < 0.08:
            self._kill()
            return
        number = 3 if self.draw.random() < 0.15 else 1
        given = self.draw.choice(TEXTS).replace("\x00", "") if self.draw.random() < 0.3 else ""
        each = [self._arguments() for _ in range(number)]
        with ThreadPoolExecutor(number) as threads:
            list(threads.map(lambda arguments: self._try(arguments, given), each))

    def _try(self, arguments: list[str], given: str) -> None:
        try:
            result = htrans(self.place, *arguments, input=given)
        except subprocess.TimeoutExpired:
            pytest.fail(f"hangs: {arguments}\n{self._story()}")
        self.said.append(f"{result.returncode} {arguments}")
        told = f"{arguments}\n{result.stdout[-500:]}\n{result.stderr}\n{self._story()}"
        assert result.returncode in (0, 1, 2), told
        assert "Traceback" not in result.stderr, told
        if result.returncode == 1:
            errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
            doctor = arguments[0] == "doctor"
            assert doctor or len(errors) == 1, told
        if result.returncode == 0 and "--json" in arguments:
            for line in result.stdout.splitlines() if arguments[0] == "predict" else []:
                json.loads(line)
            if arguments[0] != "predict":
                json.loads(result.stdout)

    def _story(self) -> str:
        return "\n".join(self.said)

    def _kill(self) -> None:
        victims = engine_processes(self.place)
        if victims:
            victim = self.draw.choice(victims)
            with suppress(psutil.NoSuchProcess):
                self.said.append(f"SIGKILL {victim.cmdline()[2:4]}")
                os.kill(victim.pid, signal.SIGKILL)

    def _arguments(self) -> list[str]:
        run, other = self._run(), self._run()
        category = self.draw.choice(CATEGORIES)
        name = self.draw.choice(("other", "third", "fourth", "r", "Ω", "x" * 300))
        system = self.draw.choice(("htrans", "linear", "gru-att-multi", "dgcnn", "nonsense"))
        corpus = self.draw.choice(("small", "small", "small", "no-such"))
        out = str(self.folder / f"out-{self.draw.randrange(4)}")
        texts = str(self.folder / "texts.txt")
        damaged = str(self.folder / "damaged.jsonl")
        choices: list[list[str]] = [
            ["train", corpus, "--name", name, "--system", system, *SMALL],
            ["train", corpus, "--name", name, "--system", system, *ONE],
            ["train", corpus, "--name", name, "--system", system, "--categories", category, *SMALL],
            ["pause", run],
            ["pause", run, category, "--subtree"],
            ["resume", run],
            ["resume", run, category],
            ["cancel", run, category],
            ["cancel", run],
            ["retrain", run, category],
            ["retrain", run, category, "--subtree", "--from", "scratch", "--epochs", "1"],
            ["restore", run, category],
            ["status", run],
            ["status", run, "--json"],
            ["runs", "--json"],
            ["evaluate", run],
            ["evaluate", run, "--json"],
            ["evaluate", f"{run}+tuned"],
            ["compare", run, other],
            ["compare", run, other, "--json"],
            ["report", run, other, "--output", f"{out}.html"],
            ["classify", run, self.draw.choice(TEXTS).replace("\x00", "")],
            ["classify", run, "--json", "whiskers"],
            ["predict", run, texts, "--output", f"{out}.jsonl"],
            ["predict", run, texts, "--json"],
            ["export", run, out],
            ["export", run, f"{out}-onnx", "--onnx"],
            ["import", damaged, "--taxonomy", str(self.folder / "taxonomy.tsv"), "--name", name],
            ["import", texts, "--name", name],
            ["corpora", "--json"],
            ["corpora", "delete", corpus, "--yes"],
            ["corpora", "export", corpus, f"{out}-corpus"],
            ["vectors", "add", texts, "--name", name],
            ["vectors", "list", "--json"],
            ["delete", run, "--yes"],
            ["engine", "stop"],
            ["engine", "start", "--device", "cpu", "--workers", "1"],
            ["engine", "status", "--json"],
            ["doctor"],
            ["doctor", "--fix"],
            ["backup", f"{out}.tar"],
            ["settings"],
        ]
        chosen = self.draw.choice(choices)
        if self.draw.random() < 0.1:
            chosen = [*chosen, self.draw.choice(ODD)]
        return chosen

    def _run(self) -> str:
        """Mostly one that is there."""
        return self.draw.choice(RUNS if self.draw.random() < 0.3 else RUNS[:4])


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_is_asked_is_answered_and_what_is_left_trains_to_the_end(
    workspaces: Callable[[str], Workspace], tmp_path: Path, seed: int
) -> None:
    place = workspaces("played")
    (tmp_path / "texts.txt").write_text("purr whiskers\n\nbark \x07 leash\n" * 20)
    (tmp_path / "damaged.jsonl").write_text('{"text": "purr", "labels": ["cats"]}\n{"text": \n')
    (tmp_path / "taxonomy.tsv").write_text("parent\tid\tname\n\tcats\tCats\n")
    for name, system, options in (("r", "htrans", SMALL), ("linear", "linear", ONE)):
        started = htrans(place, "train", "small", "--name", name, "--system", system, *options)
        assert started.returncode == 0, started.stderr
    player = Player(place, tmp_path, random.Random(seed))
    for _ in range(COMMANDS):
        player.play()
    print("\n".join(player.said))

    store = Store(place.database)
    for run in htrans_json(place, "runs"):
        if run["state"] == "paused":
            resumed = htrans(place, "resume", run["name"])
            assert resumed.returncode == 0, resumed.stderr
        for category in htrans_json(place, "status", run["name"])["categories"]:
            if category["state"] == "paused":
                htrans(place, "resume", run["name"], category["id"])
    htrans(place, "engine", "start", "--device", "cpu", "--workers", "2")
    ended = "('done', 'failed', 'cancelled')"
    until(lambda: not store.value(f"SELECT count(*) FROM runs WHERE state NOT IN {ended}"), 600)
    htrans(place, "engine", "stop")
    mended = htrans(place, "doctor", "--fix")
    assert mended.returncode == 0, f"{mended.stdout}\n{player.said}"
    examined = htrans(place, "doctor")
    assert examined.returncode == 0, examined.stdout
    assert not re.search(r"Traceback", _logs(place)), _logs(place)[-3000:]


def _logs(place: Workspace) -> str:
    return "\n".join(path.read_text(errors="replace") for path in sorted(place.logs.glob("*.log*")))
