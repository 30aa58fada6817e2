"""Commands print with --json the fields that the reference names, all of them and no other."""

from __future__ import annotations

import json
import os
import runpy
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from core.engine.host.identity import own_identity
from core.workspace import Workspace
from db.connection import Store
from db.workers import configure_engine, record_supervisor
from tests.docs.documents import ROOT
from tests.docs.stand_ins import call, small_world
from tests.support.builders import start_worker

_TABLE = runpy.run_path(str(ROOT / "docs" / "json_fields.py"))
SHAPES: dict[str, tuple[str, dict[str, tuple[str, str]]]] = _TABLE["SHAPES"]
COMMANDS: dict[str, tuple[str, str]] = _TABLE["COMMANDS"]
LINES: tuple[str, str] = _TABLE["LINES"]

CALLS: dict[str, tuple[str, ...]] = {
    "import": ("import news.jsonl --taxonomy taxonomy.tsv --name more --json",),
    "import --dry-run": (
        "import news.jsonl new.jsonl --taxonomy taxonomy.tsv --dry-run --json",
        "import reuters21578.tar.gz --taxonomy small.txt --dry-run --json",
    ),
    "corpora": ("corpora --json",),
    "vectors list": ("vectors list --json",),
    "train": ("train news --system linear --wait --json",),
    "train --dry-run": ("train news --dry-run --json",),
    "runs": ("runs --json",),
    "status": ("status news-htrans --json",),
    "evaluate": (
        "evaluate news-htrans --json",
        "evaluate news-htrans+tuned --split validation --json",
    ),
    "classify": ("classify news-htrans wheatish --json",),
    "compare": ("compare news-htrans news-linear news-htrans+tuned --json",),
    "reproduce": ("reproduce news --systems htrans,linear --json",),
    "export": ("export news-htrans elsewhere --json",),
    "bench": ("bench --documents 100 --json",),
    "predict": ("predict news-htrans new.jsonl",),
    "doctor": ("doctor --json",),
    "engine status": ("engine status --json",),
}
"""How each command is called, in this order."""


def test_documented_fields_are_those_that_are_printed(
    stand_ins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(CALLS) == {*COMMANDS, LINES[0]}
    shutil.copytree(stand_ins, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    Path("small.txt").write_text("energy\n  crude\n", encoding="utf-8")
    monkeypatch.setattr("core.engine.maintenance.bench.run_parallel", _measured)
    seen: set[tuple[str, str]] = set()
    with small_world():
        for name, lines in CALLS.items():
            kind = LINES[1] if name == LINES[0] else COMMANDS[name][0]
            if name == "engine status":
                _pretend_engine()
            if name == "doctor":
                _damage()
            for line in lines:
                for value in _printed(line.split()):
                    _check(value, kind, name, seen)
    named = {(shape, field) for shape, (_, fields) in SHAPES.items() for field in fields}
    assert seen == named


def test_an_engine_that_does_not_run_says_only_so(
    stand_ins: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(stand_ins, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    assert list(_printed(["engine", "status", "--json"])) == [{"running": False, "workers": []}]


def test_a_field_that_nobody_names_is_seen() -> None:
    exported = {"folder": "a", "trained": 1, "without": 0, "bytes": 2, "onnx_difference": None}
    _check(exported, "exported", "it", set())
    for wrong in ({**exported, "more": 1}, {**exported, "bytes": "2"}, {"folder": "a"}):
        with pytest.raises(AssertionError):
            _check(wrong, "exported", "it", set())


def _printed(arguments: Sequence[str]) -> Iterator[Any]:
    said = call(arguments)
    assert said.out, (arguments, said.err)
    yield from map(json.loads, said.out.splitlines())


def _check(value: Any, kind: str, place: str, seen: set[tuple[str, str]]) -> None:
    """Compare a value with its type; note the fields of the shapes in it."""
    kinds = kind.split(" or ")
    if value is None:
        assert "null" in kinds, f"{place} is null, not {kind}"
        return
    [one] = [each for each in kinds if each != "null"]
    if one.startswith("list of "):
        assert isinstance(value, list), place
        for each in value:
            _check(each, one.removeprefix("list of "), f"{place}[]", seen)
    elif one.startswith("map of "):
        assert isinstance(value, dict), place
        for each in value.values():
            _check(each, one.removeprefix("map of "), f"{place}{{}}", seen)
    elif one in SHAPES:
        fields = SHAPES[one][1]
        assert isinstance(value, dict), place
        assert set(value) == set(fields), f"{place} ({one})"
        for name, (inner, _) in fields.items():
            seen.add((one, name))
            _check(value[name], inner, f"{place}.{name}", seen)
    else:
        assert type(value) in _PLAIN[one], f"{place} is {value!r}, not {one}"


_PLAIN: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


def _pretend_engine() -> None:
    """Record this process as the engine, with a worker."""
    store = Store(Workspace(Path("htrans-workspace")).database)
    configure_engine(store, "auto", None, 2)
    record_supervisor(store, *own_identity())
    start_worker(store, os.getpid())
    store.close()


def _damage() -> None:
    """Remove a model, so that there is a finding."""
    next(Path("htrans-workspace").rglob("*.safetensors")).unlink()


def _measured(requests: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    if requests[0]["kind"] == "phases":
        return [{"phases": {"forward": 1.0}, "documents": 100}]
    return [{"threads": 1, "documents": 100, "seconds": 2.0, "memory": 50.0} for _ in requests]
