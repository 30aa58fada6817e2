"""Plans for clusters: hours and cost by categories, documents and GPUs. A mode of scale.py."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from schedule_bounds import critical_path, knee, lower_bound, total_work, upper_bound
from synthetic_runs import (
    RCV1_LEVELS,
    CorpusOutline,
    level_sizes,
    long_tail,
    made_up_taxonomy,
    planned_work,
)

from core.corpus.taxonomy import Taxonomy
from core.planning.costs import REFERENCE, epoch_work
from core.planning.schedules import CategoryWork, simulate, with_overhead
from core.settings import PAPER_CLASS_WEIGHTS, TrainingSettings, settings_for

_DOCUMENTS = (10**5, 10**6, 10**7)
_GPUS = (1, 4, 16, 64, 256)
_CATEGORIES = (103, 1_000, 10_000)
_DEPTHS = {1_000: 4, 10_000: 5}
_HOUR = 3600.0

Table = Callable[[Sequence[str], Sequence[Sequence[str]]], str]


@dataclass(frozen=True, slots=True)
class _Cluster:
    """What a plan is made for. `price` is that of one GPU for an hour, None if not given."""

    workers_per_device: int
    overhead: float
    price: float | None


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the mode `plan`."""
    add = parser.add_argument
    add("--preset", choices=("paper", "fast"), default="paper")
    add("--epochs", type=int, help="epochs of every trial; default: the most of the preset")
    add("--class-weights", type=_count, metavar="N", help="class weights of each category")
    add(
        "--words",
        type=_positive,
        default=77.0,
        help="words that are read of a document",
    )
    add("--vocabulary", type=_count, default=60_000, help="words trained at the top level")
    add("--overhead", type=_not_negative, default=0.0, help="seconds more for each claim")
    add("--speedup", type=_positive, default=1.0, help="speed of a slot, in reference CPU cores")
    add("--workers-per-device", type=_count, default=1, help="slots of each GPU")
    add("--price", type=_positive, help="price of a GPU for an hour; without it GPU-hours only")
    add("--branching", type=_positive, default=5.0, help="growth of levels, for 1,000 and 10,000")
    add("--depth", type=_count, help="levels of 1,000 and 10,000 categories; default 4 and 5")
    add("--seed", type=int, default=0, help="draws the parents")
    add("--markdown", action="store_true")


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _not_negative(text: str) -> float:
    return 0.0 if float(text) == 0 else _positive(text)


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return value


def print_plans(options: argparse.Namespace) -> None:
    """Print what the seconds are, and two tables for each number of categories."""
    settings = _settings(options)
    cluster = _Cluster(options.workers_per_device, options.overhead, options.price)
    table: Table = _markdown if options.markdown else _plain
    print(_basis(options, settings), end="\n\n")
    for categories in _CATEGORIES:
        levels = _levels(categories, options.branching, options.depth)
        taxonomy = made_up_taxonomy(levels, options.seed)
        forests = {
            documents: _forest(taxonomy, documents, settings, options) for documents in _DOCUMENTS
        }
        print(f"{categories:,} categories, {' + '.join(f'{n:,}' for n in levels)} on the levels:\n")
        print(table(*_limits(forests, cluster)), end="\n\n")
        print(table(*_schedules(forests, cluster)), end="\n\n")


def _settings(options: argparse.Namespace) -> TrainingSettings:
    changes = {} if options.epochs is None else {"epochs": options.epochs}
    if options.class_weights is not None:
        most = max(options.class_weights, len(PAPER_CLASS_WEIGHTS))
        further = (float(100 + number) for number in range(most))
        changes["class_weights"] = (*PAPER_CLASS_WEIGHTS, *further)[: options.class_weights]
    return settings_for(options.preset, changes)


def _levels(categories: int, branching: float, depth: int | None) -> tuple[int, ...]:
    if categories == sum(RCV1_LEVELS):
        return RCV1_LEVELS
    return level_sizes(categories, branching, depth or _DEPTHS[categories])


def _forest(
    taxonomy: Taxonomy, documents: int, settings: TrainingSettings, options: argparse.Namespace
) -> list[CategoryWork]:
    corpus = CorpusOutline(documents, options.words, options.vocabulary)
    positives = long_tail(taxonomy, documents)
    forest = planned_work(taxonomy, positives, corpus, settings, options.speedup)
    return with_overhead(forest, options.overhead)


def _basis(options: argparse.Namespace, settings: TrainingSettings) -> str:
    """What was assumed: above all, whose seconds these are."""
    documents = 10**6
    work = epoch_work(
        TrainingSettings(),
        documents=documents,
        positives=1,
        words=options.words,
        dimensions=settings.dimensions,
        trained_rows=0,
    )
    pace = documents * (1 - settings.validation_fraction) / REFERENCE.epoch(work)
    weights = len(settings.class_weights)
    return (
        f"Seconds are those of reference slots divided by {options.speedup:g}: no GPU was measured."
        f"\nA reference slot is one CPU core (core/planning/costs.py); below the top level it "
        f"trains {pace:,.0f} documents of {options.words:g} words a second, without sampling."
        f"\nA GPU has {options.workers_per_device} slot(s). Preset {options.preset}: {weights} "
        f"class weights, {settings.epochs} epochs, none stops early; {options.vocabulary:,} "
        f"distinct words; {options.overhead:g} s more for each claim."
    )


def _limits(
    forests: dict[int, list[CategoryWork]], cluster: _Cluster
) -> tuple[list[str], list[list[str]]]:
    """Where more GPUs stop helping, by documents."""
    header = ["documents", "work, slot-hours", "critical path, hours", "knee, GPUs"]
    return header, [
        [
            f"{documents:,}",
            _number(total_work(forest) / _HOUR),
            _number(critical_path(forest) / _HOUR),
            _number(knee(forest) / cluster.workers_per_device),
        ]
        for documents, forest in forests.items()
    ]


def _schedules(
    forests: dict[int, list[CategoryWork]], cluster: _Cluster
) -> tuple[list[str], list[list[str]]]:
    """A row for each number of documents and GPUs."""
    header = ["documents", "GPUs", "hours", "lower bound", "upper bound", "busy", "GPU-hours"]
    if cluster.price is not None:
        header.append("cost")
    rows = []
    for documents, forest in forests.items():
        for gpus in _GPUS:
            slots = gpus * cluster.workers_per_device
            found = simulate(forest, slots)
            hours = found.makespan / _HOUR
            row = [
                f"{documents:,}",
                f"{gpus:,}",
                _number(hours),
                _number(lower_bound(forest, slots) / _HOUR),
                _number(upper_bound(forest, slots) / _HOUR),
                f"{100 * found.busy:.0f} %",
                _number(hours * gpus),
            ]
            if cluster.price is not None:
                row.append(_number(hours * gpus * cluster.price))
            rows.append(row)
    return header, rows


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:,.1f}"


def _plain(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in (header, *rows)
    )


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, ["---:"] * len(header), *rows))
