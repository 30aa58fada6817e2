"""Categories and the forest that they form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from core.errors import NotFoundError, TaxonomyError


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

    Siblings keep the order of the file. Nothing here recurses, so depth is no limit.
    """

    def __init__(self, edges: Iterable[Edge], source: str = "taxonomy") -> None:
        """Raise `TaxonomyError` for a duplicate id, a missing parent or a cycle."""
        self.source = source
        by_id: dict[str, Edge] = {}
        for edge in edges:
            _check_new(edge, by_id, source)
            by_id[edge.id] = edge
        children: dict[str | None, list[str]] = {}
        for edge in by_id.values():
            if edge.parent is not None and edge.parent not in by_id:
                raise TaxonomyError(
                    f"{_place(source, edge)}: category {edge.id!r} names the parent "
                    f"{edge.parent!r}, which the taxonomy does not contain; add a line for it"
                )
            children.setdefault(edge.parent, []).append(edge.id)
        self._children = {parent: tuple(ids) for parent, ids in children.items()}
        self._categories = {category.id: category for category in _walk(by_id, self._children)}
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
            closed |= self._closure(label)
        return frozenset(closed)

    def with_ancestors(self, category_ids: Iterable[str]) -> Taxonomy:
        """The part of this taxonomy that holds the given categories and their ancestors."""
        wanted = self.close(category_ids)
        kept = (Edge(c.id, c.parent, c.name) for c in self if c.id in wanted)
        return Taxonomy(kept, self.source)

    @cached_property
    def heights(self) -> dict[str, int]:
        """For each category the number of levels below it; 0 for a leaf."""
        heights = dict.fromkeys(self._categories, 0)
        for category in reversed(self._categories.values()):
            if category.parent is not None:
                heights[category.parent] = max(heights[category.parent], heights[category.id] + 1)
        return heights

    def _closure(self, label: str) -> frozenset[str]:
        cached = self._closures.get(label)
        if cached is None:
            cached = frozenset((self[label].id, *self.ancestors(label)))
            self._closures[label] = cached
        return cached

    @cached_property
    def _closures(self) -> dict[str, frozenset[str]]:
        return {}


def _place(source: str, edge: Edge) -> str:
    return source if edge.line is None else f"{source}, line {edge.line}"


def _check_new(edge: Edge, known: dict[str, Edge], source: str) -> None:
    if not edge.id:
        raise TaxonomyError(f"{_place(source, edge)}: a category without an id")
    first = known.get(edge.id)
    if first is None:
        return
    where = "" if first.line is None else f" (first in line {first.line})"
    if first.parent != edge.parent:
        raise TaxonomyError(
            f"{_place(source, edge)}: category {edge.id!r} has a second parent {edge.parent!r} "
            f"besides {first.parent!r}{where}; a category has one parent: remove one of the lines"
        )
    raise TaxonomyError(
        f"{_place(source, edge)}: category {edge.id!r} appears twice{where}; remove one line"
    )


def _walk(
    by_id: dict[str, Edge], children: dict[str | None, tuple[str, ...]]
) -> Iterator[Category]:
    stack = [(root, 1) for root in reversed(children.get(None, ()))]
    while stack:
        category_id, level = stack.pop()
        edge = by_id[category_id]
        yield Category(edge.id, edge.name, edge.parent, level)
        stack.extend((child, level + 1) for child in reversed(children.get(category_id, ())))


def _describe_cycle(by_id: dict[str, Edge], reached: dict[str, Category]) -> str:
    current: str | None = next(category_id for category_id in by_id if category_id not in reached)
    path: list[str] = []
    while current is not None and current not in path:
        path.append(current)
        current = by_id[current].parent
    cycle = path[path.index(current) :] if current is not None else path
    shown = " > ".join([*cycle[:5], "…"] if len(cycle) > 5 else [*cycle, cycle[0]])
    return (
        f"the categories form a cycle: {shown} (each has the next as its parent); "
        "give one of them an empty parent"
    )
