from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.bench.measure import Request, measure
from core.bench.phases import phases_of_an_epoch
from core.bench.plain import PlainGruAtt, train_plainly
from core.bench.workload import random_workload
from core.engine.maintenance.bench import bench, run_parallel
from core.errors import HTransError
from core.models.gru_att import GruAtt
from core.settings import TrainingSettings

SMALL = TrainingSettings(hidden_units=4, batch_size=16)
CPU = torch.device("cpu")


def test_random_documents_have_the_mean_length_and_are_the_same_each_time() -> None:
    first, second = random_workload(2000, 40, 500), random_workload(2000, 40, 500)
    lengths = first.examples.tokens.lengths(first.examples.rows, 100)
    assert 35 < lengths.mean() < 50
    assert lengths.max() <= 100
    assert lengths.min() >= 1
    assert np.array_equal(first.examples.tokens.tokens, second.examples.tokens.tokens)
    assert 0 < first.examples.positives < 300
    assert first.examples.tokens.tokens.max() < len(first.embeddings)


def test_plain_network_is_gru_att_where_no_document_is_padded() -> None:
    workload = random_workload(8, 5, 50, dimensions=6, longest=3)
    plain = PlainGruAtt(workload.embeddings, SMALL).eval()
    network = GruAtt(workload.embeddings, SMALL.hidden_units).eval()
    for ours, suffix in ((network.forward_gru, ""), (network.backward_gru, "_reverse")):
        for name, value in ours.named_parameters():
            value.data = plain.gru.get_parameter(name + suffix).data
    network.attention.load_state_dict(plain.attention.state_dict())
    network.output.load_state_dict(plain.output.state_dict())
    tokens = torch.randint(1, 50, (8, 7))
    expected = network(tokens, torch.full((8,), 7)).logits.squeeze(1)
    torch.testing.assert_close(plain(tokens), expected)


def test_plain_training_counts_its_documents() -> None:
    workload = random_workload(40, 5, 50, dimensions=6)
    started = time.perf_counter()
    documents, seconds = train_plainly(workload, SMALL, (1.0, 3.0), 2, CPU)
    assert documents == 40 * 2 * 2
    assert seconds <= time.perf_counter() - started


def test_phases_cover_the_step(tmp_path: Path) -> None:
    started = time.perf_counter()
    phases, documents = phases_of_an_epoch(random_workload(60, 5, 50), SMALL, tmp_path)
    elapsed = time.perf_counter() - started
    assert set(phases) == {
        *("batching", "dropout masks", "forward", "backward"),
        *("optimizer", "validation", "checkpoint"),
    }
    assert sum(phases.values()) <= elapsed, "no phase is counted twice"
    assert documents == 50


@pytest.mark.parametrize("trained_embeddings", [False, True])
def test_the_engine_is_measured_by_its_own_trainer(*, trained_embeddings: bool) -> None:
    found = measure(
        Request(
            "engine",
            documents=60,
            words=5,
            vocabulary=50,
            epochs=2,
            trained_embeddings=trained_embeddings,
        )
    )
    assert found["documents"] == 50 * 2
    assert len(found["epochs"]) == 2
    assert found["memory"] > 50


@pytest.mark.slow
def test_a_measurement_that_fails_says_why() -> None:
    with pytest.raises(HTransError, match=r"measurement failed: .*unexpected keyword"):
        run_parallel([{"kind": "engine", "nonsense": 1}])


@pytest.mark.slow
def test_measurements_run_together_each_in_a_process_of_its_own() -> None:
    tiny = {"kind": "engine", "documents": 60, "words": 5, "vocabulary": 50}
    found = run_parallel([{**tiny, "epochs": epochs} for epochs in (1, 2)])
    assert [one["documents"] for one in found] == [50, 100]
    assert [len(one["epochs"]) for one in found] == [1, 2]
    assert all(sum(one["epochs"]) <= one["seconds"] for one in found)


def test_bench_measures_the_plain_way_and_one_and_all_workers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Five processes that load torch would take most of the time and show nothing more.
    measured: list[dict[str, Any]] = []

    def measure_here(requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
        results = [measure(Request(**request)) for request in requests]
        measured.extend(results)
        return results

    monkeypatch.setattr("core.engine.maintenance.bench.run_parallel", measure_here)
    told: list[str] = []
    report = bench(["cpu", "cpu"], documents=100, words=5, report_step=told.append)
    assert [(row.name, row.processes) for row in report.rows] == [
        ("plain script", 1),
        ("engine", 1),
        ("engine", 2),
    ]
    rates = [result["documents"] / result["seconds"] for result in measured]
    expected = [rates[0], rates[1], rates[2] + rates[3]]
    assert [row.documents_per_second for row in report.rows] == pytest.approx(expected, abs=0.06)
    assert [row.threads for row in report.rows[1:]] == [1, 1]
    assert report.phases == {**measured[4]["phases"], "database": report.phases["database"]}
    assert len(told) == 4
    assert set(report.to_json()) == {"rows", "phases", "phase_documents"}
