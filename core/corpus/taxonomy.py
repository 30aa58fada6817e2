"""Taxonomy: a forest of categories."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from core.corpus.documents import MAX_NAME
from core.errors import NotFoundError, TaxonomyError
from core.text.plain_text import printable

MAX_CATEGORIES = 1_000_000
MAX_LEVELS = 1_000


@dataclass(frozen=True, slots=True)
class Category:
    """A category. Top-level categories have level 1 and no parent."""

    id: str
    name: str
    parent: str | None
    level: int


@dataclass(frozen=True, slots=True)
class Edge:
    """A category and its parent as read from line `line` (from 1) of a taxonomy file."""

    id: str
    parent: str | None
    name: str
    line: int | None = None


class Taxonomy:
    """A forest of categories in training order: parents come before their children.

    Siblings keep the order of the file. `second_parents` are the (category, parent) pairs that were
    ignored.
    """

    def __init__(
        self, edges: Iterable[Edge], source: str = "taxonomy", *, first_parents: bool = False
    ) -> None:
        """Build the forest from edges in any order.

        Args:
            edges: Categories and their parents.
            source: Name of the source for error messages.
            first_parents: True to use the first parent of a category with several parents.

        Raises:
            TaxonomyError: If there is a duplicate id, a second or missing parent or a cycle, or if
                `MAX_CATEGORIES`, `MAX_LEVELS` or `MAX_NAME` is exceeded.
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
            if max(len(by_id), len(left_out)) > MAX_CATEGORIES:
                raise TaxonomyError(
                    f"{_location(source, edge)}: more than {MAX_CATEGORIES:,} categories; "
                    "remove categories or split the taxonomy"
                )
        self.second_parents = tuple(left_out)
        children: dict[str | None, list[str]] = {}
        for edge in by_id.values():
            if edge.parent is not None and edge.parent not in by_id:
                raise TaxonomyError(
                    f"{_location(source, edge)}: category {edge.id!r} names the parent "
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
        """Ids of all ancestors, from the parent up to the top-level category."""
        ancestors: list[str] = []
        parent = self[category_id].parent
        while parent is not None:
            ancestors.append(parent)
            parent = self._categories[parent].parent
        return tuple(ancestors)

    def subtree(self, category_id: str) -> tuple[str, ...]:
        """Ids of the category and all its descendants, in training order."""
        subtree: list[str] = []
        stack = [self[category_id].id]
        while stack:
            current = stack.pop()
            subtree.append(current)
            stack.extend(reversed(self.children(current)))
        return tuple(subtree)

    def ancestor_closure(self, labels: Iterable[str]) -> frozenset[str]:
        """Propagate labels to their ancestors: `labels` and all their ancestors."""
        closure: set[str] = set()
        for label in labels:
            current: str | None = self[label].id
            while current is not None and current not in closure:
                closure.add(current)
                current = self._categories[current].parent
        return frozenset(closure)

    def with_ancestors(self, category_ids: Iterable[str]) -> Taxonomy:
        """Restrict the taxonomy to the given categories and their ancestors."""
        closure = self.ancestor_closure(category_ids)
        edges = (Edge(c.id, c.parent, c.name) for c in self if c.id in closure)
        return Taxonomy(edges, self.source)

    def without(self, category_ids: Iterable[str]) -> Taxonomy:
        """Remove the given categories and their descendants."""
        removed = {self[category_id].id for category_id in category_ids}
        edges: list[Edge] = []
        for category in self:
            if category.id in removed or category.parent in removed:
                removed.add(category.id)
            else:
                edges.append(Edge(category.id, category.parent, category.name))
        return Taxonomy(edges, self.source)

    @cached_property
    def heights(self) -> dict[str, int]:
        """Height of each category: number of levels below it, 0 for a leaf."""
        heights = dict.fromkeys(self._categories, 0)
        for category in reversed(self._categories.values()):
            if category.parent is not None:
                heights[category.parent] = max(heights[category.parent], heights[category.id] + 1)
        return heights


def _location(source: str, edge: Edge) -> str:
    return source if edge.line is None else f"{source}, line {edge.line}"


def _check_ids(edge: Edge, source: str) -> None:
    if not edge.id:
        raise TaxonomyError(f"{_location(source, edge)}: a category without an id")
    for category_id in (edge.id, edge.parent or ""):
        if len(category_id) > MAX_NAME:
            raise TaxonomyError(
                f"{_location(source, edge)}: the id that begins with {category_id[:40]!r} is "
                f"longer than {MAX_NAME:,} characters; shorten it"
            )


def _describe_second(edge: Edge, first: Edge, source: str) -> str:
    location = "" if first.line is None else f" (first in line {first.line})"
    if first.parent == edge.parent:
        return (
            f"{_location(source, edge)}: category {edge.id!r} appears twice{location}; remove one "
            "of them"
        )
    second_parent, first_parent = (
        "the top level" if parent is None else repr(parent)
        for parent in (edge.parent, first.parent)
    )
    return (
        f"{_location(source, edge)}: category {edge.id!r} has a second parent {second_parent} "
        f"besides {first_parent}{location}; remove one of them, or use --multiple-parents first"
    )


def _walk(
    by_id: dict[str, Edge], children: dict[str | None, tuple[str, ...]], source: str
) -> Iterator[Category]:
    stack = [(root, 1) for root in reversed(children.get(None, ()))]
    while stack:
        category_id, level = stack.pop()
        edge = by_id[category_id]
        if level > MAX_LEVELS:
            raise TaxonomyError(
                f"{_location(source, edge)}: category {edge.id!r} is on level {level:,}, but the "
                f"maximum is {MAX_LEVELS:,}; give it a parent on a higher level"
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
        f"the categories form a cycle: {printable(shown)} (each is a child of the next); remove "
        "the parent of one of them"
    )
