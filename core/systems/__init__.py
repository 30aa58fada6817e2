"""The systems that the paper compares, and `linear`: one module for each family.

`SYSTEMS` is the registry. To add a system, write a module with a subclass of
`core.systems.base.System` and add one line here.
"""

from __future__ import annotations

from core.errors import HTransError
from core.systems.base import System
from core.systems.gru_att import GruAttBasic, GruAttSystem, HTrans
from core.systems.linear import LinearSystem
from core.systems.shared_networks import DgcnnSystem, GruAttMulti, GruAttMultiWeighted

__all__ = ["SYSTEMS", "System", "system_named", "systems_with_costs_of"]

SYSTEMS: dict[str, System] = {
    system.name: system
    for system in (
        GruAttBasic(),
        GruAttSystem(),
        HTrans(),
        GruAttMulti(),
        GruAttMultiWeighted(),
        DgcnnSystem(),
        LinearSystem(),
    )
}


def system_named(name: str) -> System:
    """Return the system of that name; raise `HTransError` that lists the known ones."""
    try:
        return SYSTEMS[name]
    except KeyError:
        raise HTransError(f"there is no system {name!r}; known are {', '.join(SYSTEMS)}") from None


def systems_with_costs_of(system: System) -> list[str]:
    """Names of the systems whose epochs have the same cost model."""
    cost = type(system).epoch_seconds
    return [name for name, other in SYSTEMS.items() if type(other).epoch_seconds is cost]
