"""What training a taxonomy comes to: made-up taxonomies of any size, seconds of their trials."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from core.corpus.taxonomy import Edge, Taxonomy
from core.planning.costs import REFERENCE, CostModel, epoch_work
from core.planning.remaining import UnfinishedCategory
from core.planning.schedules import CategoryWork
from core.settings import TrainingSettings
from core.training.class_weight_search import rungs_above

RCV1_LEVELS = (4, 55, 43, 1)
"""About the number of RCV1's 103 topics on each level (Lewis et al. 2004)."""
LARGEST_SHARE = 0.47
"""Share of the documents in the largest category: RCV1 has 381,327 of 804,414 in CCAT."""


@dataclass(frozen=True, slots=True)
class CorpusOutline:
    """A corpus in numbers.

    `documents` of the training split, `words` that are read of one on average, `distinct` words.
    """

    documents: int
    words: float
    distinct: int


def level_sizes(categories: int, branching: float, depth: int) -> tuple[int, ...]:
    """`categories` on `depth` levels: one on each, the rest `branching` times as many on the next.

    Raises `ValueError` for fewer categories than levels, or levels that become smaller.
    """
    if not 1 <= depth <= categories or branching < 1:
        raise ValueError(f"{categories} categories have no {depth} levels by {branching:g}")
    shares = list(accumulate(branching**level for level in range(depth)))
    ends = [round((categories - depth) * share / shares[-1]) for share in shares]
    return tuple(1 + end - start for start, end in pairwise([0, *ends]))


def made_up_taxonomy(levels: Sequence[int], seed: int) -> Taxonomy:
    """A forest with so many categories on each level; parents are drawn from the level above.

    Ids are ranks in breadth-first order: "1" is the first at the top.
    """
    draw = random.Random(seed)
    edges: list[Edge] = []
    above: list[str | None] = [None]
    for size in levels:
        ids = [str(len(edges) + place + 1) for place in range(size)]
        edges += [Edge(each, draw.choice(above), each) for each in ids]
        above = list(ids)
    return Taxonomy(edges)


def long_tail(taxonomy: Taxonomy, documents: int) -> dict[str, int]:
    """Positives of each category by Zipf's law over breadth-first ranks, at least 1.

    Parents have smaller ranks than their children, so no child has more positives than its parent.
    """
    ranked = sorted(taxonomy, key=lambda category: category.level)
    return {
        category.id: max(round(documents * LARGEST_SHARE / rank), 1)
        for rank, category in enumerate(ranked, start=1)
    }


def planned_work(
    taxonomy: Taxonomy,
    positives: Mapping[str, int],
    corpus: CorpusOutline,
    settings: TrainingSettings,
    speedup: float = 1.0,
    model: CostModel = REFERENCE,
) -> list[CategoryWork]:
    """The trials of an HTrans run in which none stops early.

    Seconds are those of a slot that is `speedup` times as fast as the cost model's. Every category
    of `taxonomy` has positives.
    """
    rungs = rungs_above(0) if settings.search == "racing" else ()
    trials = len(settings.class_weights)
    places = {category.id: place for place, category in enumerate(taxonomy)}
    forest = []
    for category in taxonomy:
        trains_embeddings = category.parent is None or not settings.freeze
        work = epoch_work(
            settings,
            documents=corpus.documents,
            positives=positives[category.id],
            words=corpus.words,
            dimensions=settings.dimensions,
            trained_rows=corpus.distinct if trains_embeddings else 0,
        )
        parent = None if category.parent is None else places[category.parent]
        epochs = settings.epochs
        planned = UnfinishedCategory(parent, model.epoch(work), epochs, epochs, trials, rungs=rungs)
        forest.append(planned.work(epochs, 1 / speedup))
    return forest
