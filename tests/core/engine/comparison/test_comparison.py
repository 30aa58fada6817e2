from __future__ import annotations

import pytest
import torch

from core.engine.comparison.comparison import ComparisonBuilder
from core.engine.comparison.run_variants import variant_named
from core.errors import HTransError
from core.workspace import Workspace
from db.connection import Store
from tests.support.builders import record_corpus, record_run
from tests.support.command_line import TRAIN_QUICKLY, htrans, htrans_json

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")


@pytest.fixture
def two_runs(own_copy: Workspace) -> Workspace:
    """A workspace with the runs `small` and `basic`, the second without one category."""
    options = ("--system=gru-att", "--name=basic", "--categories=cats,dogs,food")
    result = htrans(
        own_copy, "train", "small", *options, *TRAIN_QUICKLY, "--class-weights=1", "--wait"
    )
    assert result.returncode == 0, result.stderr
    return own_copy


def test_runs_are_compared_over_the_categories_that_both_have(two_runs: Workspace) -> None:
    found = htrans_json(two_runs, "compare", "small", "basic")
    assert [run["name"] for run in found["runs"]] == ["small", "basic"]
    assert set(found["categories"]) == {"animals", "cats", "dogs", "food"}
    assert set(found["left_out"]) == {"bread", "fruit", "unused"}
    evaluated = htrans_json(two_runs, "evaluate", "basic")
    basic = found["runs"][1]
    for name in ("micro", "macro", "macro_present", "hierarchical", "levels"):
        assert basic[name] == evaluated[name], name
    assert basic["categories"] == {c["id"]: c["f1"] for c in evaluated["categories"]}
    assert basic["micro"]["f1"] > 0.95, "what is separate in the corpus is learned from scratch"
    assert found["runs"][0]["against_first"] is None
    against = basic["against_first"]
    difference = basic["micro"]["f1"] - found["runs"][0]["micro"]["f1"]
    assert against["micro_f1"] == pytest.approx(difference)
    assert 0 < against["p_micro"] <= 1
    assert basic["seconds"] > 0
    table = htrans(two_runs, "compare", "small", "basic", "--categories")
    assert "approximate randomisation" in table.stdout
    assert "3 categories are omitted" in table.stderr
    markdown = htrans(two_runs, "compare", "small", "basic", "--markdown").stdout
    assert markdown.startswith("| run | system |")
    assert "| --- | --- | ---: |" in markdown


def test_a_run_alone_cannot_be_compared(own_copy: Workspace) -> None:
    result = htrans(own_copy, "compare", "small", "small")
    assert result.returncode == 1
    assert "name at least two different runs" in result.stderr


def test_a_corpus_without_test_documents_has_nothing_to_compare_on(
    store: Store, workspace: Workspace
) -> None:
    corpus = record_corpus(store, documents=[("train", "cats"), ("train", "dogs")])
    for name in ("one", "two"):
        record_run(store, corpus, name=name)
    runs = [variant_named(store, name) for name in ("one", "two")]
    with pytest.raises(HTransError, match="no test documents to compare runs on"):
        ComparisonBuilder(store, workspace, runs, CPU)


def test_runs_of_different_corpora_are_refused(store: Store, workspace: Workspace) -> None:
    for name in ("one", "two"):
        record_run(store, record_corpus(store, name), name=name)
    runs = [variant_named(store, name) for name in ("one", "two")]
    with pytest.raises(HTransError, match="different corpora"):
        ComparisonBuilder(store, workspace, runs, CPU)
