"""What the documents name, made up and small: files, a workspace, and an engine in this process."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from core.engine.artifacts.run_data import RunData
from core.engine.host.launch import running_supervisor
from core.engine.prediction.predict_worker import PredictedChunk, PredictionRequest, Predictor
from core.engine.trials.trial_work import LocalExecutor, work_on
from core.prediction.inputs import InputDocument
from core.settings import TrainingSettings
from core.systems import System
from core.workspace import Workspace
from db.connection import Store
from db.runs import run_with_id
from db.trials import claim_trial
from db.workers import set_worker_state
from htrans_tui.cli import main
from tests.support.archives import archive, record
from tests.support.builders import start_worker

PARENTS: Mapping[str, str] = {"grain": "", "wheat": "grain", "energy": "", "crude": "energy"}
"""The taxonomy: names of Reuters' topics that the documents use."""
_LEAVES = ("wheat", "crude")
_MORE_LEAVES = ("wheat", "oilseed", "crude")
"""Topics of the stand-in for Reuters-21578, for documents that bring a taxonomy of their own."""
_ELSEWHERE = "earn"
"""Another of its topics, which is in no taxonomy."""
_WORDS = ("prices", "rose", "today", "after", "the", "frost", "market", "said")
DOCUMENTS = 40


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


def call(arguments: Sequence[str], stdin: bytes = b"") -> CommandResult:
    """Run the program in this process as its console script does."""
    out, err = io.StringIO(), io.StringIO()
    code: Any = 0
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", ["htrans-tui", *arguments])
        patched.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8"))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main()
            except SystemExit as end:
                code = end.code
    return CommandResult(int(code or 0), out.getvalue(), err.getvalue())


@contextlib.contextmanager
def small_world() -> Iterator[None]:
    """Runs are tiny, and what the engine would train is trained where it is asked for."""
    usual = System.settings

    def tiny(system: System, preset: str, changes: Mapping[str, Any]) -> TrainingSettings:
        asked = usual(system, preset, changes)
        return replace(asked, epochs=1, hidden_units=4, class_weights=asked.class_weights[:1])

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(System, "settings", tiny)
        for module in ("starting", "steering", "retraining"):
            patched.setattr(f"core.engine.runs.{module}.ensure_supervisor", _train_everything)
        patched.setattr("htrans_tui.cli.reproducing._INTERVAL", 0.0)
        patched.setattr("os.fsync", lambda file: None)
        patched.setattr("core.engine.host.devices._PROBE", "print(0)")
        patched.setattr("core.engine.prediction.bulk.prediction_pool", LabellingHere)
        patched.setattr("core.engine.host.devices.cpu_cores", lambda: 1)
        patched.delenv("HTRANS_WORKSPACE", raising=False)
        yield


def _train_everything(store: Store, workspace: Workspace) -> None:
    assert running_supervisor(store) is None
    worker = start_worker(store)
    while (claim := claim_trial(store, worker)) is not None:
        data = RunData(store, workspace, run_with_id(store, claim.run_id))
        work_on(store, data, claim, LocalExecutor(torch.device("cpu")), lambda: False)
    set_worker_state(store, worker, "ended")


class LabellingHere:
    """Labels as the processes of `predict` do, without starting any."""

    size = 1

    def __init__(self, request: PredictionRequest) -> None:
        self._predictor = Predictor(request)
        self.models = self._predictor.describe()

    def __enter__(self) -> LabellingHere:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was started."""

    def submit(self, chunk: Sequence[InputDocument]) -> Future[PredictedChunk]:
        """Label a chunk at once."""
        done: Future[PredictedChunk] = Future()
        done.set_result(self._predictor.predict(chunk))
        return done


def make_files(folder: Path) -> None:
    """The files that the documents name."""
    made = list(_documents(_LEAVES))
    lines = [json.dumps(document) + "\n" for document in made]
    (folder / "news.jsonl").write_text("".join(lines), encoding="utf-8")
    (folder / "taxonomy.tsv").write_text(
        "parent\tid\tname\n" + "".join(f"{above}\t{key}\t{key}\n" for key, above in PARENTS.items())
    )
    new = [json.dumps({"id": d["id"], "text": d["text"]}) + "\n" for d in made[:9]]
    (folder / "new.jsonl").write_text("".join(new), encoding="utf-8")
    (folder / "new.jsonl.gz").write_bytes(gzip.compress("".join(new).encode()))
    table = "".join(f"{d['id']},{d['text']}\n" for d in made[:9])
    (folder / "new.csv").write_text(f"id,text\n{table}", encoding="utf-8")
    (folder / "new.txt").write_text("".join(f"{d['text']}\n" for d in made[:9]), encoding="utf-8")
    words = sorted({word for document in made for word in str(document["text"]).split()})
    draw = random.Random(1)
    glove = "".join(
        f"{word} {' '.join(f'{draw.uniform(-1, 1):.3f}' for _ in range(100))}\n" for word in words
    )
    for name in ("glove.6B.100d.txt.gz", "glove.6B.100d.first60k.txt.gz"):
        (folder / name).write_bytes(gzip.compress(glove.encode()))
    records = [
        record(
            number,
            topics=(*document["labels"], *[_ELSEWHERE] * (number % 5 == 0)),
            split=str(document["split"]).upper(),
            text=f"<TEXT>\n<TITLE>NOTE {number}</TITLE>\n<BODY>{document['text']}</BODY></TEXT>",
        )
        for number, document in enumerate(_documents(_MORE_LEAVES), start=1)
    ]
    (folder / "reuters21578.tar.gz").write_bytes(archive("w:gz", "".join(records)))


def make_workspace() -> None:
    """In the current folder, a workspace with the corpora, vectors and runs that documents name.

    Documents that call `reproduce` again find its runs done.
    """
    for arguments in (
        "import news.jsonl --taxonomy taxonomy.tsv --name news",
        "import reuters21578.tar.gz --taxonomy taxonomy.tsv --unknown-labels drop --name reuters",
        "vectors add glove.6B.100d.txt.gz --name glove",
        "train news --vectors glove",
        "reproduce news --vectors glove --seeds 0,1 --ablation --output all.md",
        "export news-htrans model",
    ):
        said = call(arguments.split())
        assert said.code == 0, (arguments, said)


def _documents(leaves: Sequence[str]) -> Iterator[dict[str, Any]]:
    draw = random.Random(0)
    for number in range(DOCUMENTS):
        labels = draw.sample(leaves, k=draw.choice((0, 1, 1, 1, 2)))
        words = [*draw.choices(_WORDS, k=4), *(f"{label}ish" for label in labels)]
        above = [PARENTS[label] for label in labels if label in PARENTS]
        yield {
            "id": f"n{number}",
            "text": " ".join([*words, *above]),
            "labels": labels,
            "split": "test" if number % 4 == 3 else "train",
        }
