"""Filter of the categories of a run by text and state."""

from __future__ import annotations

from collections.abc import Sequence

from core.engine.monitoring.status import CategoryStatus


def matching(
    categories: Sequence[CategoryStatus], text: str, state: str | None
) -> Sequence[CategoryStatus]:
    """Filter categories.

    Args:
        categories: The categories of a run.
        text: Part of an id or name, case-insensitive; empty for all.
        state: The state of the categories; None for all.

    Returns:
        The matching categories; `categories` itself if there is no filter.
    """
    if not text and state is None:
        return categories
    needle = text.casefold()
    return [
        category
        for category in categories
        if (state is None or category.state == state)
        and (needle in category.key.casefold() or needle in category.name.casefold())
    ]


def with_ancestors(
    categories: Sequence[CategoryStatus], matches: Sequence[CategoryStatus]
) -> Sequence[CategoryStatus]:
    """Return the matches and their ancestors, in training order."""
    if matches is categories:
        return categories
    by_key = {category.key: category for category in categories}
    included: set[str] = set()
    for category in matches:
        key: str | None = category.key
        while key is not None and key not in included:
            included.add(key)
            parent = by_key.get(by_key[key].parent or "")
            key = None if parent is None else parent.key
    return [category for category in categories if category.key in included]


def descendants(categories: Sequence[CategoryStatus], category: CategoryStatus) -> int:
    """Count the descendants of a category; `categories` must be in training order."""
    subtree = {category.key}
    for other in categories:
        if other.parent in subtree:
            subtree.add(other.key)
    return len(subtree) - 1
