"""The simulated schedule against a real run of the engine. A mode of scale.py."""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from schedule_bounds import lower_bound, upper_bound
from synthetic_runs import level_sizes, long_tail, made_up_taxonomy

from core.corpus.taxonomy import Taxonomy
from core.planning.schedules import CategoryWork, simulate
from core.workspace import Workspace
from db.connection import Store

LEVELS = level_sizes(12, 2.0, 3)
DOCUMENTS = 1_200
WORDS = 40
_LINE = re.compile(
    r"^(?P<at>\S+ \S+) INFO htrans\.worker\[(?P<pid>\d+)\]: .*: (?P<what>begins|done)$", re.M
)


def write_corpus(folder: Path) -> tuple[Path, Path]:
    """Write documents and a taxonomy of three levels, with a long tail; return their paths."""
    taxonomy = made_up_taxonomy(LEVELS, seed=0)
    numbers = long_tail(taxonomy, DOCUMENTS)
    draw = random.Random(0)
    source, edges = folder / "tree.jsonl", folder / "tree.tsv"
    with source.open("w") as file:
        for number in range(DOCUMENTS):
            labels = [c.id for c in taxonomy if draw.random() < numbers[c.id] / DOCUMENTS]
            words = [f"word{int(draw.paretovariate(0.3)) % 5000}" for _ in range(WORDS)]
            words += [f"about{label}" for label in labels]
            split = "train" if number % 4 else "test"
            document = {"id": str(number), "text": " ".join(words), "labels": labels}
            file.write(json.dumps({**document, "split": split}) + "\n")
    lines = [f"{c.parent or ''}\t{c.id}\t{c.name}\n" for c in taxonomy]
    edges.write_text("parent\tid\tname\n" + "".join(lines))
    return source, edges


@dataclass(frozen=True, slots=True)
class Seen:
    """A run as its database and its logs tell of it.

    `measured` holds the seconds that trials have trained, `planned` those of the cost model;
    `overhead` is what a trial held its worker for beyond its training, on average.
    """

    seconds: float
    workers: int
    measured: list[CategoryWork]
    planned: list[CategoryWork]
    overhead: float


def seen(store: Store, workspace: Workspace, taxonomy: Taxonomy, workers: int) -> Seen:
    """Read a finished run of a full search, all of whose categories have positives."""
    places = {category.id: place for place, category in enumerate(taxonomy)}
    trained: list[list[float]] = [[] for _ in places]
    costs: list[list[float]] = [[] for _ in places]
    for row in store.rows(
        "SELECT c.key, t.seconds, t.epoch, rc.cost FROM trials t "
        "JOIN run_categories rc ON rc.id = t.run_category_id "
        "JOIN categories c ON c.id = rc.category_id ORDER BY c.position, t.class_weight"
    ):
        trained[places[row["key"]]].append(row["seconds"])
        costs[places[row["key"]]].append(row["epoch"] * row["cost"])
    parents = [None if c.parent is None else places[c.parent] for c in taxonomy]
    measured, planned = (
        [CategoryWork(p, (tuple(s),)) for p, s in zip(parents, trials, strict=True)]
        for trials in (trained, costs)
    )
    seconds = float(store.value("SELECT finished_at - started_at FROM runs"))
    in_all = sum(map(sum, trained))
    held = _held(workspace)
    overhead = (sum(held) - in_all) / len(held)
    return Seen(seconds, workers, measured, planned, overhead)


def _held(workspace: Workspace) -> list[float]:
    """Seconds between the beginning and the end of each trial, from the workers' logs."""
    found: list[float] = []
    for log in workspace.logs.glob("worker-*.log"):
        began: dict[str, datetime] = {}
        for line in _LINE.finditer(log.read_text()):
            at = datetime.strptime(line["at"], "%Y-%m-%d %H:%M:%S,%f")
            if line["what"] == "begins":
                began[line["pid"]] = at
            else:
                found.append((at - began.pop(line["pid"])).total_seconds())
    return found


def print_comparison(run: Seen) -> None:
    """Print the makespan that was seen and those that were simulated."""
    trials = sum(len(work.rounds[0]) for work in run.measured)
    print(
        f"{len(run.measured)} categories, {trials} trials, {run.workers} workers; by the logs a "
        f"trial holds its worker for {run.overhead:.2f} s more than it trains"
    )
    print(f"seen, from first claim to end: {run.seconds:.1f} s")
    for what, forest, overhead in (
        ("measured seconds of each trial", run.measured, 0.0),
        ("measured seconds and that overhead", run.measured, run.overhead),
        ("seconds of the cost model", run.planned, 0.0),
    ):
        found = simulate(forest, run.workers, overhead)
        print(
            f"simulated from the {what}: {found.makespan:.1f} s "
            f"({found.makespan / run.seconds - 1:+.1%}), busy {found.busy:.0%}"
        )
    low, high = (bound(run.measured, run.workers) for bound in (lower_bound, upper_bound))
    print(f"bounds from the measured seconds of each trial: {low:.1f} and {high:.1f} s")
