"""Which categories of a run are shown: by a text, by state, with what stands above them."""

from __future__ import annotations

from collections.abc import Sequence

from core.engine.monitoring.status import CategoryStatus


def matching(
    categories: Sequence[CategoryStatus], text: str, state: str | None
) -> Sequence[CategoryStatus]:
    """The categories with `text` in id or name, in any case, and of that state; all if neither."""
    if not text and state is None:
        return categories
    wanted = text.casefold()
    return [
        category
        for category in categories
        if (state is None or category.state == state)
        and (wanted in category.key.casefold() or wanted in category.name.casefold())
    ]


def with_ancestors(
    categories: Sequence[CategoryStatus], found: Sequence[CategoryStatus]
) -> Sequence[CategoryStatus]:
    """What was found with all that stands above it, in training order."""
    if found is categories:
        return categories
    by_key = {category.key: category for category in categories}
    wanted: set[str] = set()
    for category in found:
        key: str | None = category.key
        while key is not None and key not in wanted:
            wanted.add(key)
            parent = by_key.get(by_key[key].parent or "")
            key = None if parent is None else parent.key
    return [category for category in categories if category.key in wanted]


def below(categories: Sequence[CategoryStatus], category: CategoryStatus) -> int:
    """How many categories stand below one; `categories` are in training order."""
    inside = {category.key}
    for other in categories:
        if other.parent in inside:
            inside.add(other.key)
    return len(inside) - 1
