"""A run on two Ray nodes of this machine against the same run by local workers.

Both have two slots, one core and one thread each. Printed are: whether the models are the same,
seconds of a slot for each trial beyond its training (dispatch, start of the training, transfer,
recording), the length of trials above which more machines pay, and how long a cancelled trial keeps
its slot.

    python benchmarks/cluster.py [DATA]

DATA is a folder as for benchmarks/train.py; without it there is a made-up corpus only, whose
embeddings are small. With it, categories of Reuters-21578 with 60,000 vectors of 100 dimensions are
trained too.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ray.cluster_utils import Cluster

from core.engine.host.launch import running_supervisor, stop_supervisor
from core.engine.ingest.corpora import import_corpus
from core.engine.ingest.import_plan import ImportRequest
from core.engine.ingest.vectors import add_vectors_file
from core.engine.runs.engine_choice import EngineRequest
from core.engine.runs.starting import RunRequest, start_run
from core.engine.runs.steering import cancel_in_run, cancel_run
from core.settings import TrainingSettings
from core.workspace import Workspace
from db.connection import Store
from db.runs import run_named

PLACES = 2
CANCELS = 10
TURNS = 3
MACHINES = (2, 4, 16)


@dataclass(frozen=True, slots=True)
class Measured:
    """A run: seconds from its record to the first loss, from there to the end, and of all trials.

    `trials` is their number, `models` are their hashes.
    """

    start: float
    wall: float
    trained: float
    trials: int
    models: list[str]

    @property
    def overhead(self) -> float:
        """Seconds of a slot for each trial in which it did not train."""
        return (self.wall * PLACES - self.trained) / self.trials


@contextmanager
def two_nodes() -> Iterator[str]:
    """The address of a cluster of two nodes on this machine, a core each."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    head = {"num_cpus": 1, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    cluster.add_node(num_cpus=1)
    try:
        yield str(cluster.address)
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]


def made_up(folder: Path, categories: int = 11, documents: int = 600) -> ImportRequest:
    """Top-level categories with a word of their own each."""
    draw = random.Random(1)
    source = folder / "made-up.jsonl"
    with source.open("w") as file:
        for number in range(documents):
            label = f"c{number % categories}"
            words = [f"w{draw.randrange(5000)}" for _ in range(40)]
            document = {
                "id": str(number),
                "text": " ".join([label, *words]),
                "labels": [label],
                "split": "train" if number % 4 else "test",
            }
            file.write(json.dumps(document) + "\n")
    return ImportRequest("made-up", (str(source),))


def reuters(store: Store, workspace: Workspace, data: Path) -> ImportRequest:
    """Reuters-21578 and the vectors `glove`."""
    (glove,) = data.glob("glove*.gz")
    add_vectors_file(store, workspace, str(glove), "glove")
    archive = data / "reuters21578" / "reuters21578.tar.gz"
    taxonomy = data / "reuters21578" / "taxonomy.tsv"
    return ImportRequest("reuters", (str(archive),), taxonomy=taxonomy)


def run_to_its_end(
    store: Store, workspace: Workspace, request: RunRequest, wait: float = 0.1
) -> Measured:
    """Train and wait for the engine to end."""
    run, _ = start_run(store, workspace, request)
    state = ""
    while state not in ("done", "failed"):
        time.sleep(wait)
        state = store.value("SELECT state FROM runs WHERE id = ?", (run.id,))
    if state == "failed":
        raise SystemExit(f"the run has failed; see {workspace.logs}")
    while running_supervisor(store) is not None:
        time.sleep(wait)
    row = store.row(
        "SELECT r.finished_at - min(p.at), min(p.at) - r.created_at FROM runs r "
        "JOIN run_categories rc ON rc.run_id = r.id JOIN trials t ON t.run_category_id = rc.id "
        "JOIN progress p ON p.trial_id = t.id WHERE r.id = ?",
        (run.id,),
    )
    assert row is not None
    rows = store.rows(
        "SELECT t.seconds, t.sha256 FROM trials t JOIN run_categories rc "
        "ON rc.id = t.run_category_id WHERE rc.run_id = ? ORDER BY rc.category_id, t.class_weight",
        (run.id,),
    )
    seconds = [row["seconds"] for row in rows]
    models = [row["sha256"] for row in rows]
    return Measured(float(row[1]), float(row[0]), sum(seconds), len(rows), models)


def compare(store: Store, workspace: Workspace, address: str, request: RunRequest) -> None:
    """Train with one engine and the other, in turn, and print what differs."""
    engines = {
        "local": EngineRequest("local", device="cpu", workers=PLACES),
        "ray": EngineRequest("ray", address, device="cpu"),
    }
    found: dict[str, list[Measured]] = {name: [] for name in engines}
    for turn in range(TURNS):
        for name, engine in engines.items():
            asked = replace(request, name=f"{request.corpus}-{name}-{turn}", engine=engine)
            m = run_to_its_end(store, workspace, asked)
            found[name].append(m)
            print(
                f"{name:5} first loss after {m.start:.1f} s, then {m.trials} trials in "
                f"{m.wall:.1f} s; a trial trains {m.trained / m.trials:.2f} s and costs its slot "
                f"{m.overhead:.2f} s more",
                flush=True,
            )
    every = {tuple(m.models) for runs in found.values() for m in runs}
    print(f"models of all runs: {'the same bits' if len(every) == 1 else 'DIFFERENT'}")
    start, local, remote = (
        min(m.start for m in found["ray"]) - min(m.start for m in found["local"]),
        min(m.overhead for m in found["local"]),
        min(m.overhead for m in found["ray"]),
    )
    print(
        f"the quietest of each: Ray costs {start:.1f} s more at the start, and each trial its "
        f"slot {remote - local:+.2f} s"
    )
    for machines in MACHINES:
        least = max((remote - machines * local) / (machines - 1), 0.0)
        whole = start * machines / (machines - 1)
        print(
            f"{machines} machines on Ray are faster than one without it for trials of more than "
            f"{least:.2f} s, in runs of more than {whole:.0f} s on one"
        )


def cancelling(store: Store, workspace: Workspace, address: str, categories: list[str]) -> None:
    """Print how long cancelled trials keep their slots."""
    settings = TrainingSettings(class_weights=(1.0,), epochs=500, patience=500)
    request = RunRequest(
        "made-up",
        settings,
        "cancelled",
        categories=tuple(categories),
        engine=EngineRequest("ray", address, device="cpu"),
    )
    start_run(store, workspace, request)
    seconds = []
    for _ in range(CANCELS):
        row = None
        while row is None:
            time.sleep(0.05)
            row = store.row(
                "SELECT w.id, c.key FROM workers w JOIN trials t ON t.id = w.trial_id "
                "JOIN run_categories rc ON rc.id = t.run_category_id "
                "JOIN categories c ON c.id = rc.category_id "
                "WHERE w.state = 'training' AND t.epoch >= 1 ORDER BY random()"
            )
        started = time.perf_counter()
        cancel_in_run(store, run_named(store, "cancelled"), row["key"], subtree=False)
        held = "SELECT t.state FROM workers w JOIN trials t ON t.id = w.trial_id WHERE w.id = ?"
        while store.value(held, (row["id"],)) == "cancelled":
            time.sleep(0.005)
        seconds.append(time.perf_counter() - started)
    cancel_run(store, run_named(store, "cancelled"))
    stop_supervisor(store)
    print(
        f"cancelled {len(seconds)} times in the middle of training: the slot was free after "
        f"{statistics.median(seconds):.2f} s in the median, {max(seconds):.2f} s at most"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("data", nargs="?", type=Path, help="folder with Reuters-21578 and GloVe")
    options = parser.parse_args()
    with two_nodes() as address, tempfile.TemporaryDirectory() as name:
        workspace = Workspace(Path(name) / "workspace")
        workspace.create()
        store = Store(workspace.database, create=True)
        import_corpus(store, workspace, made_up(Path(name)))
        short = TrainingSettings(class_weights=(1.0, 3.0), epochs=1)
        print("a made-up corpus: 450 training documents of 40 words, an epoch a trial")
        compare(store, workspace, address, RunRequest("made-up", short))
        cancelling(store, workspace, address, [f"c{number}" for number in range(11)])
        if options.data is not None:
            import_corpus(store, workspace, reuters(store, workspace, options.data))
            one = TrainingSettings(class_weights=(1.0, 3.0), epochs=2, max_words=50)
            print("Reuters-21578: 9,603 training documents, 50 words, two epochs a trial")
            compare(
                store,
                workspace,
                address,
                RunRequest("reuters", one, vectors="glove", categories=("grain", "wheat", "corn")),
            )
        store.close()


if __name__ == "__main__":
    main()
