"""The systems of the paper and what tells them apart."""

from __future__ import annotations

import pytest

from core.errors import HTransError
from core.systems import SYSTEMS, system_named


@pytest.mark.parametrize(
    ("name", "transfer", "search"),
    [("htrans", True, True), ("gru-att", False, True), ("gru-att-basic", False, False)],
)
def test_system_transfers_and_searches_as_in_the_paper(
    name: str, transfer: bool, search: bool
) -> None:
    system = system_named(name)
    assert system.name == name
    assert (system.transfer, system.search) == (transfer, search)


def test_no_two_systems_are_described_alike() -> None:
    assert len({system.description for system in SYSTEMS.values()}) == len(SYSTEMS)


def test_unknown_system_lists_the_known_ones() -> None:
    with pytest.raises(HTransError, match="no system 'HTrans'; known are htrans, gru-att"):
        system_named("HTrans")
