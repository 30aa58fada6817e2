"""What a comparison comes to: groups, opponents, labels, gains, advice, and how it is written."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from sklearn.metrics import f1_score

from core.engine.artifacts.run_data import RunData
from core.engine.comparison.comparison import ComparisonBuilder
from core.engine.comparison.report import Advice, Report, advise, label_of, make_report
from core.engine.comparison.run_variants import baseline_for, variant_named
from core.engine.scoring.evaluation import decisions
from core.errors import HTransError, NotFoundError
from core.metrics.platt_params import PlattParams
from core.workspace import Workspace
from db.connection import Store
from db.corpora import Corpus
from db.metrics import record_platt_params
from db.run_categories import run_categories
from db.runs import Run
from htrans_tui.report.markdown import markdown_page
from htrans_tui.report.page import html_page
from htrans_tui.report.tables import advice_sentences, change_line, report_tables
from tests.support.builders import import_small_corpus, scored_run

CPU = torch.device("cpu")
Make = Callable[..., Run]


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> None:
    """No engine is started."""
    monkeypatch.setattr("core.engine.runs.starting.ensure_supervisor", lambda store, place: None)


@pytest.fixture
def corpus(store: Store, workspace: Workspace, tmp_path: Path) -> Corpus:
    return import_small_corpus(store, workspace, tmp_path, number=240)


@pytest.fixture
def finished(store: Store, workspace: Workspace, corpus: Corpus) -> Make:
    """Makes a finished run whose decisions are wrong for a given share of the documents."""
    return partial(scored_run, store, workspace, corpus.name)


def report_on(store: Store, workspace: Workspace, *names: str) -> Report:
    variants = [variant_named(store, name) for name in names]
    return make_report(store, ComparisonBuilder(store, workspace, variants, CPU))


@pytest.mark.slow
def test_runs_that_differ_in_the_seed_only_are_one_group(
    store: Store, workspace: Workspace, finished: Make
) -> None:
    for seed in (0, 1):
        finished(f"h{seed}", "htrans", 0.1, seed)
        finished(f"g{seed}", "gru-att", 0.1, seed)
    finished("other", "htrans", 0.1, epochs=1)
    report = report_on(store, workspace, "h0", "g0", "h1", "g1", "other")
    assert [[run.name for run in group.runs] for group in report.groups] == [
        ["h0", "h1"],
        ["g0", "g1"],
        ["other"],
    ]
    group = report.groups[0]
    each = [run.summary.macro.f1 for run in group.runs]
    assert group.macro.mean == pytest.approx(sum(each) / 2)
    assert (group.macro.low, group.macro.high) == (min(each), max(each))
    assert [g.label for g in report.groups] == ["htrans (h0)", "gru-att", "htrans (other)"]


@pytest.mark.slow
def test_each_seed_is_tested_against_the_same_seed_of_the_first(
    store: Store, workspace: Workspace, finished: Make
) -> None:
    for seed in (0, 1):
        finished(f"h{seed}", "htrans", 0.1, seed)
        finished(f"g{seed}", "gru-att", 0.1, seed)
    finished("g2", "gru-att", 0.1, 2)
    variants = [variant_named(store, name) for name in ("h0", "g0", "h1", "g1", "g2")]
    against = [baseline_for(variants, variant) for variant in variants]
    assert [None if one is None else one.name for one in against] == [None, "h0", "h0", "h1", "h0"]


def test_measures_and_tests_are_those_of_the_decisions(
    store: Store, workspace: Workspace, finished: Make
) -> None:
    first, second = finished("a", "htrans", 0.05), finished("b", "gru-att", 0.3)
    report = report_on(store, workspace, "a", "b")
    found = [decisions(store, RunData(store, workspace, run), CPU) for run in (first, second)]
    for results, its in zip(report.comparison.runs, found, strict=True):
        for average in ("micro", "macro"):
            expected = f1_score(its.truth, its.predicted, average=average, zero_division=0)
            assert getattr(results.summary, average).f1 == pytest.approx(expected)
    tested = report.comparison.runs[1].tested
    assert tested is not None
    assert tested.baseline == "a"
    difference = report.groups[1].macro.mean - report.groups[0].macro.mean
    assert tested.significance.macro == pytest.approx(difference)
    assert tested.significance.p_macro < 0.01


@pytest.mark.slow
def test_gains_and_losses_are_differences_by_category(
    store: Store, workspace: Workspace, finished: Make
) -> None:
    finished("a", "htrans", 0.2)
    finished("b", "gru-att", 0.05)
    report = report_on(store, workspace, "a", "b")
    first, second = report.groups
    changes = report.changes(first, second)
    assert [c.gain for c in changes] == sorted((c.gain for c in changes), reverse=True)
    for change in changes:
        assert change.gain == pytest.approx(second.f1[change.category] - first.f1[change.category])
    best = changes[0]
    assert f"gained {best.category} {best.gain:+.3f}" in change_line(report, second)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("system", "changes", "label"),
    [
        ("htrans", {}, "htrans"),
        ("htrans", {"freeze": False}, "htrans, trained embeddings"),
        ("htrans", {"freeze": False, "two_rates": False}, "htrans, trained embeddings, one rate"),
        ("htrans", {"transfer": False}, "htrans, no transfer"),
        ("htrans", {"class_weights": (3.0,)}, "htrans, class weight 3"),
        ("gru-att", {"freeze": True}, "gru-att, frozen embeddings"),
        ("gru-att", {"tune_thresholds": True}, "gru-att + tuned"),
        ("linear", {}, "linear"),
        ("linear", {"consistent": "up"}, "linear + up"),
    ],
)
def test_label_names_what_differs_from_the_system(
    store: Store, finished: Make, system: str, changes: Mapping[str, Any], label: str
) -> None:
    finished("it", system, **changes)
    assert label_of(variant_named(store, "it")) == label


@pytest.mark.slow
def test_way_to_decide_is_named_after_the_run(store: Store, finished: Make) -> None:
    finished("plain", "gru-att-basic")
    finished("has+plus", "gru-att-basic", consistent="up")
    plain = variant_named(store, "plain+tuned+down")
    assert (plain.run.name, plain.rule.name) == ("plain", "tuned+down")
    assert variant_named(store, "has+plus").rule.name == "up"
    assert variant_named(store, "has+plus+calibrated").rule.name == "calibrated+up"
    with pytest.raises(HTransError, match="'sideways' is not a decision rule"):
        variant_named(store, "plain+sideways")
    with pytest.raises(NotFoundError, match=r"no run 'nobody\+up'"):
        variant_named(store, "nobody+up")


@pytest.mark.slow
def test_other_way_to_decide_is_applied(store: Store, workspace: Workspace, finished: Make) -> None:
    run = finished("it", "gru-att-basic")
    for category in run_categories(store, run.id):
        if category.kept_trial_id is not None:
            with store.write():
                fit = PlattParams(0.95, None, None)
                record_platt_params(store, category.kept_trial_id, category.id, fit)
    report = report_on(store, workspace, "it", "it+tuned")
    assert report.groups[0].micro.mean == 1.0
    assert report.groups[1].micro.mean == 0.0, "no score reaches the threshold of 0.95"
    assert [group.label for group in report.beyond] == ["gru-att-basic", "gru-att-basic + tuned"]


def test_advice_is_the_cheapest_of_what_is_not_significantly_worse(
    store: Store, workspace: Workspace, finished: Make
) -> None:
    finished("dear", "htrans", 0.02)
    finished("cheap", "linear", 0.025)
    finished("bad", "gru-att-multi", 0.4)
    seconds = {"dear": 100.0, "cheap": 10.0, "bad": 1.0}
    for name, each in seconds.items():
        with store.write():
            store.execute(
                "UPDATE trials SET seconds = ? WHERE run_category_id IN (SELECT rc.id FROM "
                "run_categories rc JOIN runs r ON r.id = rc.run_id WHERE r.name = ?)",
                (each, name),
            )
    report = report_on(store, workspace, "dear", "cheap", "bad")
    best = max(report.groups, key=lambda group: group.macro.mean).label
    assert report.advice.best == best != "gru-att-multi"
    assert set(report.advice.not_worse) == {"htrans", "linear"} - {best}
    assert report.advice.cheapest == "linear"
    said = " ".join(advice_sentences(report))
    assert "linear" in said
    assert f"Best macro-F1: {best}" in said
    assert "gru-att-multi" not in said.split("Best micro-F1")[1]


@pytest.mark.slow
def test_of_systems_with_the_same_work_the_better_micro_f1_is_advised() -> None:
    def group(label: str, macro: float, micro: float, seconds: float) -> Any:
        means = {"macro": SimpleNamespace(mean=macro), "micro": SimpleNamespace(mean=micro)}
        return SimpleNamespace(label=label, seconds=seconds, **means)

    tuned, plain = group("tuned", 0.4, 0.4, 9.0), group("plain", 0.3, 0.5, 9.0)
    dear, bad = group("dear", 0.35, 0.9, 10.0), group("bad", 0.1, 0.9, 1.0)
    advice = advise([tuned, plain, dear, bad], lambda _best, other: other is bad)
    assert advice == Advice("tuned", ("plain", "dear"), "plain")


@pytest.mark.slow
def test_a_shared_models_time_counts_once(
    store: Store, workspace: Workspace, finished: Make
) -> None:
    finished("one", "gru-att-multi")
    finished("two", "gru-att-basic")
    report = report_on(store, workspace, "one", "two")
    assert [group.seconds for group in report.groups] == [1.0, 6.0]


def test_html_is_one_file_without_links_and_markup_in_names_is_text(
    store: Store, workspace: Workspace, finished: Make
) -> None:
    finished("a", "htrans", 0.1)
    finished("b", "gru-att", 0.2)
    with store.write():
        store.execute("UPDATE categories SET key = '<b>&\x1b[31m' WHERE key = 'cats'")
    page = html_page(report_on(store, workspace, "a", "b", "b+up"))
    seen = Seen()
    seen.feed(page)
    seen.close()
    assert seen.open == []
    assert not seen.tags & {"script", "link", "img", "iframe", "b"}
    assert not [value for value in seen.values if "//" in value]
    assert "&lt;b&gt;&amp;␛[31m" in page
    assert "\x1b" not in page
    assert seen.bars > 10


class Seen(HTMLParser):
    """What stands in a page."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.values: list[str] = []
        self.bars = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.values += [value or "" for _, value in attrs]
        self.bars += tag == "rect"
        if tag not in ("meta", "line", "rect"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.bars += tag == "rect"


@pytest.mark.slow
def test_bars_are_as_long_as_their_values(
    store: Store, workspace: Workspace, finished: Make
) -> None:
    finished("a", "htrans")
    finished("b", "gru-att", 0.5)
    page = html_page(report_on(store, workspace, "a", "b"))
    micro = page.split("<title>htrans: 1.0000</title>")[1]
    assert 'width="460.0"' in micro.split("</g>")[0]


def test_markdown_has_every_table_and_escapes_bars(
    store: Store, workspace: Workspace, finished: Make
) -> None:
    finished("a|b", "htrans", 0.1)
    finished("c", "gru-att", 0.2)
    finished("d", "linear", 0.2)
    report = report_on(store, workspace, "a|b", "c", "d")
    page = markdown_page(report)
    titles = [table.title for table in report_tables(report)]
    assert [title.split(":")[0] for title in titles] == [
        "Table 1",
        "Table 2",
        "Ablation",
        "Figure 2",
        "Gains and losses",
        "Gains and losses",
        "Runs",
    ]
    for title in titles:
        assert f"## {title}" in page
    assert "a\\|b" in page
    rows = [line for line in page.splitlines() if line.startswith("| a\\|b")]
    assert rows
    assert rows[0].count("|") - rows[0].count("\\|") == 13


@pytest.mark.slow
def test_json_has_what_the_tables_have(store: Store, workspace: Workspace, finished: Make) -> None:
    finished("a", "htrans", 0.1)
    finished("b", "gru-att", 0.2)
    report = report_on(store, workspace, "a", "b")
    read = json.loads(json.dumps(report.to_json(), allow_nan=False))
    assert [group["label"] for group in read["groups"]] == ["htrans", "gru-att"]
    assert read["groups"][0]["macro_f1"]["mean"] == read["runs"][0]["macro"]["f1"]
    assert read["runs"][1]["switches"] == {
        "class_weights": [1.0, 5.0],
        "transfer": False,
        "freeze": False,
        "two_rates": False,
    }
    assert read["advice"]["best"] == "htrans"


@pytest.mark.slow
def test_what_is_said_of_htrans_is_of_the_whole_of_it(
    store: Store, workspace: Workspace, finished: Make
) -> None:
    finished("step", "htrans", 0.3, freeze=False)
    finished("g", "gru-att", 0.2)
    without = " ".join(advice_sentences(report_on(store, workspace, "step", "g")))
    assert "Transfer from the parent" not in without
    finished("h", "htrans", 0.1)
    report = report_on(store, workspace, "step", "g", "h")
    said = advice_sentences(report)[-1]
    assert (
        f"{report.groups[2].macro.mean:.4f} compared with {report.groups[1].macro.mean:.4f}" in said
    )


@pytest.mark.slow
def test_ablation_goes_from_the_least_to_the_most_switched_on(
    store: Store, workspace: Workspace, finished: Make
) -> None:
    finished("h", "htrans", 0.1)
    finished("basic", "gru-att-basic", 0.1)
    finished("g", "gru-att", 0.1)
    finished("t", "htrans", 0.1, freeze=False, two_rates=False)
    report = report_on(store, workspace, "h", "basic", "g", "t")
    table = next(t for t in report_tables(report) if t.title.startswith("Ablation"))
    assert [row[:5] for row in table.rows] == [
        ("gru-att-basic", "fixed: 1", "no", "no", "no"),
        ("gru-att", "1,5", "no", "no", "no"),
        ("htrans, trained embeddings, one rate", "1,5", "yes", "no", "no"),
        ("htrans", "1,5", "yes", "yes", "yes"),
    ]
