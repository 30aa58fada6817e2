"""The systems of the paper as plain settings over the same parts (sections 3 and 4, table 1)."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import HTransError


@dataclass(frozen=True, slots=True)
class System:
    """How the categories of a run are trained.

    `transfer`: a child starts from its parent's kept model, with a new output layer, two learning
    rates and frozen embeddings. `search`: the class weight is searched; otherwise it is 1.
    """

    name: str
    description: str
    transfer: bool
    search: bool


SYSTEMS: dict[str, System] = {
    system.name: system
    for system in (
        System(
            "htrans",
            "class weight searched, each child starts from its parent's parameters",
            transfer=True,
            search=True,
        ),
        System(
            "gru-att",
            "class weight searched, each category from scratch",
            transfer=False,
            search=True,
        ),
        System(
            "gru-att-basic",
            "class weight 1, each category from scratch",
            transfer=False,
            search=False,
        ),
    )
}


def system_named(name: str) -> System:
    """The system of that name; raise `HTransError` naming those there are."""
    try:
        return SYSTEMS[name]
    except KeyError:
        raise HTransError(f"there is no system {name!r}; known are {', '.join(SYSTEMS)}") from None
