"""What is said where Ray, a cluster or a place on it is missing."""

from __future__ import annotations

import importlib.util
from concurrent.futures.process import BrokenProcessPool

import pytest

from core.engine.host.identity import own_identity
from core.engine.host.ray_connection import cluster_slots, require_ray
from core.engine.runs.engine_choice import EngineRequest, choose_engine
from core.errors import ConflictError, HTransError
from core.process_pool import ProcessPool
from db.connection import Store
from db.workers import configure_engine, record_supervisor


def test_without_the_extra_one_line_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, store: Store
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(HTransError) as error:
        choose_engine(store, EngineRequest(kind="ray"))
    assert str(error.value) == (
        "--engine ray needs Ray, which is not installed; install it with: "
        "pip install 'ray>=2.40' (the extra cluster)"
    )
    with pytest.raises(HTransError, match="the extra cluster"):
        require_ray()


def test_on_a_cluster_no_single_device_is_chosen() -> None:
    pytest.importorskip("ray")
    with pytest.raises(HTransError, match="--device cuda:1: on a cluster Ray chooses the device"):
        cluster_slots(None, "cuda:1", 2)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (EngineRequest(kind="dask"), "--engine dask: unknown; use local or ray"),
        (EngineRequest(address="head:6379"), "--address names a Ray cluster; add --engine ray"),
        (EngineRequest(kind="ray", workers=0), "--workers must be at least 1"),
    ],
)
def test_what_cannot_be_is_refused(store: Store, request_: EngineRequest, message: str) -> None:
    with pytest.raises(HTransError, match=message):
        choose_engine(store, request_)


@pytest.mark.parametrize(("there", "wanted"), [("local", "ray"), ("ray", "local")])
def test_another_engine_at_work_is_named(store: Store, there: str, wanted: str) -> None:
    configure_engine(store, "cpu", 1, 2, there)
    record_supervisor(store, *own_identity())
    with pytest.raises(ConflictError, match=f"'{there}'.*engine stop"):
        choose_engine(store, EngineRequest(kind=wanted))


def test_without_a_word_the_engine_at_work_is_taken(store: Store) -> None:
    configure_engine(store, "cpu", 1, 2, "ray", "head:6379")
    record_supervisor(store, *own_identity())
    assert choose_engine(store, EngineRequest()).kind == "ray"


def test_a_count_of_slots_whose_process_dies_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")

    def die(*_: object) -> None:
        raise BrokenProcessPool

    monkeypatch.setattr(ProcessPool, "submit", die)
    with pytest.raises(HTransError, match="counts the slots of the Ray cluster has ended"):
        cluster_slots(None, "cpu", 1)
