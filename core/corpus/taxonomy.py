"""Categories and the forest that they form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from core.corpus.documents import LONGEST_NAME
from core.errors import NotFoundError, TaxonomyError
from core.text.plain_text import printable

MOST_CATEGORIES = 1_000_000
MOST_LEVELS = 1_000


@dataclass(frozen=True, slots=True)
class Category:
    """One category: `level` is 1 at the top, `parent` is None there."""

    id: str
    name: str
    parent: str | None
    level: int


@dataclass(frozen=True, slots=True)
class Edge:
    """A category as a taxonomy file states it; `line` says where, counted from 1."""

    id: str
    parent: str | None
    name: str
    line: int | None = None


class Taxonomy:
    """A forest of categories, in training order: every parent comes before its children.

    Siblings keep the order of the file. `second_parents` are the (category, parent) pairs that were
    left out.
    """

    def __init__(
        self, edges: Iterable[Edge], source: str = "taxonomy", *, first_parents: bool = False
    ) -> None:
        """Raise `TaxonomyError` for a duplicate id, a second or missing parent or a cycle.

        With `first_parents`, only the parent that is stated first counts. More categories, levels
        or characters in an id than `MOST_CATEGORIES`, `MOST_LEVELS` and `LONGEST_NAME` are refused.
        """
        self.source = source
        by_id: dict[str, Edge] = {}
        left_out: dict[tuple[str, str | None], None] = {}
        for edge in edges:
            _check_ids(edge, source)
            first = by_id.setdefault(edge.id, edge)
            if first is not edge:
                if not first_parents or first.parent == edge.parent:
                    raise TaxonomyError(_describe_second(edge, first, source))
                left_out[edge.id, edge.parent] = None
            if max(len(by_id), len(left_out)) > MOST_CATEGORIES:
                raise TaxonomyError(
                    f"{_place(source, edge)}: more than {MOST_CATEGORIES:,} categories; "
                    "leave some out, or split the taxonomy"
                )
        self.second_parents = tuple(left_out)
        children: dict[str | None, list[str]] = {}
        for edge in by_id.values():
            if edge.parent is not None and edge.parent not in by_id:
                raise TaxonomyError(
                    f"{_place(source, edge)}: category {edge.id!r} names the parent "
                    f"{edge.parent!r}, which the taxonomy does not contain; add it"
                )
            children.setdefault(edge.parent, []).append(edge.id)
        self._children = {parent: tuple(ids) for parent, ids in children.items()}
        self._categories = {
            category.id: category for category in _walk(by_id, self._children, source)
        }
        if len(self._categories) < len(by_id):
            raise TaxonomyError(f"{source}: {_describe_cycle(by_id, self._categories)}")

    def __len__(self) -> int:
        return len(self._categories)

    def __iter__(self) -> Iterator[Category]:
        return iter(self._categories.values())

    def __contains__(self, category_id: object) -> bool:
        return category_id in self._categories

    def __getitem__(self, category_id: str) -> Category:
        try:
            return self._categories[category_id]
        except KeyError:
            raise NotFoundError(
                f"no category {category_id!r} in {self.source}; ids are case-sensitive"
            ) from None

    @property
    def roots(self) -> tuple[str, ...]:
        """Ids of the top-level categories."""
        return self._children.get(None, ())

    @property
    def levels(self) -> int:
        """Number of levels; 0 without categories."""
        return max((category.level for category in self), default=0)

    def children(self, category_id: str) -> tuple[str, ...]:
        """Ids of the direct children, in the order of the file."""
        return self._children.get(category_id, ())

    def ancestors(self, category_id: str) -> tuple[str, ...]:
        """Ids from the parent up to the top-level category."""
        found: list[str] = []
        parent = self[category_id].parent
        while parent is not None:
            found.append(parent)
            parent = self._categories[parent].parent
        return tuple(found)

    def subtree(self, category_id: str) -> tuple[str, ...]:
        """The category and all below it, in training order."""
        found: list[str] = []
        stack = [self[category_id].id]
        while stack:
            current = stack.pop()
            found.append(current)
            stack.extend(reversed(self.children(current)))
        return tuple(found)

    def close(self, labels: Iterable[str]) -> frozenset[str]:
        """`labels` with all their ancestors: the upward closure."""
        closed: set[str] = set()
        for label in labels:
            current: str | None = self[label].id
            while current is not None and current not in closed:
                closed.add(current)
                current = self._categories[current].parent
        return frozenset(closed)

    def with_ancestors(self, category_ids: Iterable[str]) -> Taxonomy:
        """The part of this taxonomy that holds the given categories and their ancestors."""
        wanted = self.close(category_ids)
        kept = (Edge(c.id, c.parent, c.name) for c in self if c.id in wanted)
        return Taxonomy(kept, self.source)

    def without(self, category_ids: Iterable[str]) -> Taxonomy:
        """The taxonomy that remains without the given categories and all below them."""
        dropped = {self[category_id].id for category_id in category_ids}
        kept: list[Edge] = []
        for category in self:
            if category.id in dropped or category.parent in dropped:
                dropped.add(category.id)
            else:
                kept.append(Edge(category.id, category.parent, category.name))
        return Taxonomy(kept, self.source)

    @cached_property
    def heights(self) -> dict[str, int]:
        """For each category the number of levels below it; 0 for a leaf."""
        heights = dict.fromkeys(self._categories, 0)
        for category in reversed(self._categories.values()):
            if category.parent is not None:
                heights[category.parent] = max(heights[category.parent], heights[category.id] + 1)
        return heights


def _place(source: str, edge: Edge) -> str:
    return source if edge.line is None else f"{source}, line {edge.line}"


def _check_ids(edge: Edge, source: str) -> None:
    if not edge.id:
        raise TaxonomyError(f"{_place(source, edge)}: a category without an id")
    for category_id in (edge.id, edge.parent or ""):
        if len(category_id) > LONGEST_NAME:
            raise TaxonomyError(
                f"{_place(source, edge)}: the id that begins with {category_id[:40]!r} is longer "
                f"than {LONGEST_NAME:,} characters; shorten it"
            )


def _describe_second(edge: Edge, first: Edge, source: str) -> str:
    where = "" if first.line is None else f" (first in line {first.line})"
    if first.parent == edge.parent:
        return (
            f"{_place(source, edge)}: category {edge.id!r} appears twice{where}; remove one of them"
        )
    second, besides = (
        "the top level" if parent is None else repr(parent)
        for parent in (edge.parent, first.parent)
    )
    return (
        f"{_place(source, edge)}: category {edge.id!r} has a second parent {second} besides "
        f"{besides}{where}; a category has one parent: remove one of them, or use "
        "--multiple-parents first"
    )


def _walk(
    by_id: dict[str, Edge], children: dict[str | None, tuple[str, ...]], source: str
) -> Iterator[Category]:
    stack = [(root, 1) for root in reversed(children.get(None, ()))]
    while stack:
        category_id, level = stack.pop()
        edge = by_id[category_id]
        if level > MOST_LEVELS:
            raise TaxonomyError(
                f"{_place(source, edge)}: category {edge.id!r} is on level {level:,}, and "
                f"{MOST_LEVELS:,} are the most; give it a parent further up"
            )
        yield Category(edge.id, edge.name, edge.parent, level)
        stack.extend((child, level + 1) for child in reversed(children.get(category_id, ())))


def _describe_cycle(by_id: dict[str, Edge], reached: dict[str, Category]) -> str:
    current: str | None = next(category_id for category_id in by_id if category_id not in reached)
    path: dict[str, None] = {}
    while current is not None and current not in path:
        path[current] = None
        current = by_id[current].parent
    ids = list(path)
    cycle = ids[ids.index(current) :] if current is not None else ids
    shown = " > ".join([*cycle[:5], "…"] if len(cycle) > 5 else [*cycle, cycle[0]])
    return (
        f"the categories form a cycle: {printable(shown)} (each has the next as its parent); "
        "give one of them no parent"
    )
