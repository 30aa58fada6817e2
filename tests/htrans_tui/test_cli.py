"""The command line as a contract: JSON fields, exit codes, one-line errors."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from core.workspace import Workspace
from db.connection import Store
from tests.support.command_line import TRAIN_QUICKLY, error_of, htrans, htrans_json
from tests.support.messages import tells
from tests.support.small_corpus import TAXONOMY, write_corpus
from tests.support.trained import Trained

RUN_FIELDS = {
    *("name", "system", "corpus", "state", "seed", "started_at", "finished_at"),
    *("done", "total", "eta_seconds"),
}
CATEGORY_FIELDS = {
    *("id", "name", "parent", "level", "positives", "state", "stale", "attempt"),
    *(
        "class_weight",
        "epoch",
        "training_loss",
        "train_loss",
        "validation_loss",
        "validation_f1",
        "test_f1",
    ),
    "seconds",
}
RATES = {"precision", "recall", "f1"}


def test_status_json_has_the_fields_of_the_contract(trained: Trained) -> None:
    status = htrans_json(trained.workspace, "status", "small")
    assert set(status) >= {"run", "categories", "workers"}
    assert set(status["run"]) >= RUN_FIELDS
    assert status["run"]["state"] == "done"
    assert (status["run"]["done"], status["run"]["total"]) == (7, 7)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", status["run"]["finished_at"])
    by_id = {category["id"]: category for category in status["categories"]}
    assert list(by_id) == ["animals", "cats", "dogs", "food", "fruit", "bread", "unused"]
    assert all(set(category) >= CATEGORY_FIELDS for category in by_id.values())
    cats = by_id["cats"]
    assert (cats["parent"], cats["level"], cats["state"]) == ("animals", 2, "done")
    assert cats["class_weight"] in (1.0, 3.0)
    assert cats["validation_f1"] > 0.5
    assert cats["seconds"] > 0
    assert by_id["unused"]["state"] == "empty"
    assert by_id["unused"]["validation_f1"] is None


def test_the_small_corpus_is_learned(trained: Trained) -> None:
    """At the top; below, its random embeddings are frozen before they tell the children apart.

    From scratch the children are learned too: tests/core/engine/comparison/test_comparison.py.
    """
    measures = htrans_json(trained.workspace, "evaluate", "small")
    assert measures["levels"]["1"]["micro"]["f1"] > 0.95
    assert measures["macro_present"]["f1"] > 0.7


def test_evaluate_json_has_the_fields_of_the_contract(trained: Trained) -> None:
    measures = htrans_json(trained.workspace, "evaluate", "small", "--split", "test")
    assert measures["split"] == "test"
    assert measures["documents"] == 60
    for name in ("micro", "macro", "macro_present", "hierarchical"):
        assert set(measures[name]) == RATES
    assert set(measures["levels"]) == {"1", "2"}
    assert set(measures["levels"]["1"]) == {"micro", "macro"}
    for category in measures["categories"]:
        assert set(category) >= {*RATES, "id", "support", "tp", "fp", "fn", "average_precision"}
        assert category["threshold"] == 0.5
        assert category["support"] == category["tp"] + category["fn"]


def test_evaluate_on_validation_equals_what_training_recorded(trained: Trained) -> None:
    measures = htrans_json(trained.workspace, "evaluate", "small", "--split", "validation")
    status = htrans_json(trained.workspace, "status", "small")
    recorded = {c["id"]: c["validation_f1"] for c in status["categories"]}
    for category in measures["categories"]:
        if category["id"] != "unused":
            assert category["f1"] == pytest.approx(recorded[category["id"]], abs=1e-9)


def test_macro_counts_an_empty_category_as_zero(trained: Trained) -> None:
    measures = htrans_json(trained.workspace, "evaluate", "small")
    f1 = [category["f1"] for category in measures["categories"]]
    assert f1[-1] == 0.0
    assert measures["macro"]["f1"] == pytest.approx(sum(f1) / 7)
    assert measures["macro_present"]["f1"] == pytest.approx(sum(f1) / 6)


def test_status_after_training_knows_the_test_f1(trained: Trained) -> None:
    measures = htrans_json(trained.workspace, "evaluate", "small")
    run = htrans_json(trained.workspace, "runs")[0]
    assert run["test_micro_f1"] == pytest.approx(measures["micro"]["f1"])
    assert run["test_macro_f1"] == pytest.approx(measures["macro"]["f1"])


def test_corpora_json_has_the_fields_of_the_contract(trained: Trained) -> None:
    assert htrans_json(trained.workspace, "corpora") == [
        {
            "name": "small",
            "language": "en",
            "documents": 240,
            "train": 180,
            "test": 60,
            "categories": 7,
            "levels": 2,
        }
    ]


def test_classify_json_has_the_fields_of_the_contract(trained: Trained) -> None:
    text = "The kitten began to purr, whiskers and fur and tail"
    result = htrans_json(trained.workspace, "classify", "small", text)
    assert set(result) >= {"labels", "scores", "tokens", "attention"}
    assert {"animals", "cats"} <= set(result["labels"])
    assert {"food", "fruit", "bread"}.isdisjoint(result["labels"])
    assert result["scores"]["cats"] > 0.5 > result["scores"]["bread"]
    assert result["tokens"][:3] == ["the", "kitten", "began"]
    assert len(result["attention"]["cats"]) == len(result["tokens"])
    assert sum(result["attention"]["cats"]) == pytest.approx(1, abs=1e-5)
    assert result["scores"]["unused"] == 0
    assert "unused" not in result["attention"]


def test_classify_reads_standard_input(trained: Trained) -> None:
    text = "apple juice and a pear on a plate"
    result = htrans(trained.workspace, "classify", "small", input=text)
    assert result.returncode == 0
    assert "food" in result.stdout
    assert "fruit" in result.stdout


@pytest.mark.slow
@pytest.mark.parametrize("text", ["", "  \n\t ", "zzzz qqqq", "\x1b[31m\x00 🦊 " * 500])
def test_classify_survives_any_text(trained: Trained, text: str) -> None:
    result = htrans(trained.workspace, "classify", "small", input=text)
    assert result.returncode == 0
    assert "Traceback" not in result.stderr
    assert "\x1b" not in result.stdout


def test_models_on_disk_are_those_of_the_database(trained: Trained) -> None:
    from core.files import sha256

    store = Store(trained.workspace.database)
    rows = store.rows("SELECT model, sha256 FROM trials WHERE state = 'done'")
    assert len(rows) == 12
    for row in rows:
        assert sha256(trained.workspace.root / row["model"]) == row["sha256"]


def test_every_epoch_of_every_class_weight_has_its_row(trained: Trained) -> None:
    store = Store(trained.workspace.database)
    for trial in store.rows("SELECT * FROM trials"):
        epochs = store.rows("SELECT * FROM epochs WHERE trial_id = ? ORDER BY id", (trial["id"],))
        assert [row["epoch"] for row in epochs] == list(range(1, len(epochs) + 1))
        assert trial["kept_epoch"] in range(1, len(epochs) + 1)
        kept = epochs[trial["kept_epoch"] - 1]
        assert kept["f1"] == trial["f1"] == max(row["f1"] for row in epochs)
        assert all(row["seconds"] > 0 for row in epochs)


def test_embeddings_below_the_top_are_the_top_levels(trained: Trained) -> None:
    from core.models.model_files import load_model

    store = Store(trained.workspace.database)
    table = {}
    for row in store.rows(
        "SELECT c.key, t.model FROM run_categories rc JOIN categories c ON c.id = rc.category_id "
        "JOIN trials t ON t.id = rc.kept_trial_id"
    ):
        table[row["key"]] = load_model(trained.workspace.root / row["model"])[1].embeddings
    assert table["cats"] == table["dogs"] == table["animals"]
    assert table["fruit"] == table["bread"] == table["food"]
    assert table["animals"] != table["food"]
    kept = {path.stem for path in trained.workspace.embeddings.glob("*.safetensors")}
    assert kept == set(table.values())


def test_train_wait_json_prints_the_run_twice(own_copy: Workspace) -> None:
    result = htrans(
        own_copy,
        *("train", "small", "--name", "again", "--categories", "cats", "--epochs", "1"),
        *("--class-weights", "1", "--hidden-units", "4", "--device", "cpu", "--workers", "1"),
        *("--wait", "--json"),
    )
    assert result.returncode == 0, result.stderr
    first, last = (json.loads(line) for line in result.stdout.splitlines())
    assert set(first) >= RUN_FIELDS
    assert (first["name"], first["state"], first["total"]) == ("again", "running", 2)
    assert (last["name"], last["state"], last["done"]) == ("again", "done", 2)
    assert last["test_micro_f1"] is not None


@pytest.mark.slow
def test_pause_holds_a_run_and_resume_ends_it(own_copy: Workspace) -> None:
    name = "held"
    slow = ("--hidden-units=64", "--batch-size=4", "--epochs=3", "--patience=3", "--device=cpu")
    few = ("--categories=cats", "--class-weights=1", "--workers=1")
    started = htrans(own_copy, "train", "small", "--name", name, *slow, *few)
    assert started.returncode == 0, started.stderr
    assert htrans(own_copy, "pause", name).returncode == 0
    for _ in range(100):
        status = htrans_json(own_copy, "status", name)
        if status["run"]["state"] == "paused":
            break
    assert status["run"]["state"] == "paused"
    assert all(c["state"] != "running" for c in status["categories"])
    assert htrans(own_copy, "resume", name).returncode == 0
    watched = htrans(own_copy, "status", name, "--watch")
    assert watched.returncode == 0
    assert htrans_json(own_copy, "status", name)["run"]["state"] == "done"
    assert tells(error_of(own_copy, "pause", name), name, "done")


def test_engine_status_says_whether_it_runs(own_copy: Workspace) -> None:
    assert htrans_json(own_copy, "engine", "status")["running"] in (True, False)
    result = htrans(own_copy, "engine", "start")
    assert result.returncode == 0


def test_without_a_workspace_every_command_says_how_to_make_one(tmp_path: Path) -> None:
    nowhere = Workspace(tmp_path / "nowhere")
    for command in (["runs"], ["status"], ["corpora"], ["train", "x"], ["classify", "x", "y"]):
        assert tells(error_of(nowhere, *command), nowhere.root, "import", "--workspace")
    assert not nowhere.root.exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["train", "smal"], ("corpus", "'smal'", "small")),
        (["train", "small", "--system", "bert"], ("system", "'bert'", "gru-att-basic", "htrans")),
        (["train", "small", "--preset", "best"], ("preset", "'best'", "paper")),
        (["train", "small", "--vectors", "glove"], ("'glove'", "htrans-tui vectors add")),
        (["train", "small", "--categories", "cat"], ("category", "'cat'")),
        (["train", "small", "--class-weights", "1,x"], ("--class-weights", "1,x", "numbers")),
        (["train", "small", "--class-weights", "0"], ("--class-weights", "0", "positive")),
        (["train", "small", "--class-weights", "2,2"], ("--class-weights", "duplicate")),
        (["train", "small", "--epochs", "0"], ("--epochs", "1")),
        (["train", "small", "--dropout", "1"], ("--dropout", "1")),
        (["train", "small", "--device", "tpu"], ("--device tpu", "cpu", "cuda")),
        (["train", "small", "--name", "small"], ("run", "'small'", "--name")),
        (["status", "nobody"], ("run", "'nobody'")),
        (["evaluate", "small", "--split", "dev"], ("--split dev", "test", "validation")),
        (["import", "x", "--name", "small"], ("x:",)),
        (["vectors", "add", "missing.txt", "--name", "v"], ("missing.txt", "no such file")),
    ],
)
def test_bad_requests_are_one_clear_line(
    trained: Trained, arguments: list[str], expected: tuple[str, ...]
) -> None:
    assert tells(error_of(trained.workspace, *arguments), *expected)


def test_wrong_usage_exits_with_2(trained: Trained) -> None:
    assert htrans(trained.workspace, "train").returncode == 2
    assert htrans(trained.workspace, "nonsense").returncode == 2
    assert htrans(trained.workspace, "train", "small", "--epochs", "many").returncode == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"this is no json\n", ("corpus.jsonl, line 1", "not JSON")),
        (b'{"text": "a", "labels": ["cats"]}\n{"text": 3}\n', ("line 2", '"text"')),
        (b'{"text": "a", "labels": ["horses"]}\n', ("line 1", "'horses'", "--unknown-labels")),
        (b'{"text": "\xff", "labels": []}\n', ("line 1", "UTF-8", "byte 10")),
        (b"", ("corpus.jsonl:", "no documents")),
        (b'{"text": "a", "labels": [], "split": "test"}\n', ("none", "1 documents")),
    ],
)
def test_bad_corpora_leave_nothing_behind(
    tmp_path: Path, workspace: Workspace, store: Store, content: bytes, expected: tuple[str, ...]
) -> None:
    corpus, taxonomy = tmp_path / "corpus.jsonl", tmp_path / "taxonomy.tsv"
    corpus.write_bytes(content)
    taxonomy.write_text(TAXONOMY)
    error = error_of(workspace, "import", str(corpus), "--name", "bad", "--taxonomy", str(taxonomy))
    assert tells(error, *expected)
    for table in ("corpora", "categories", "documents", "document_categories"):
        assert store.value(f"SELECT count(*) FROM {table}") == 0
    assert not list((workspace.root / "corpora").glob("*"))


def test_a_cycle_in_the_taxonomy_is_named(tmp_path: Path, workspace: Workspace) -> None:
    corpus, taxonomy = write_corpus(tmp_path)
    taxonomy.write_text("parent\tid\tname\nb\ta\tA\na\tb\tB\n")
    error = error_of(workspace, "import", str(corpus), "--name", "bad", "--taxonomy", str(taxonomy))
    assert "cycle: a > b > a" in error


@pytest.mark.slow
def test_markup_and_escapes_in_names_are_shown_as_text(
    tmp_path: Path, workspace: Workspace
) -> None:
    corpus, taxonomy = tmp_path / "corpus.jsonl", tmp_path / "taxonomy.tsv"
    taxonomy.write_text("parent\tid\tname\n\t[red]x[/red]\t\x1b[31mred\x1b[0m\n")
    documents = [{"text": f"word{i} here", "labels": ["[red]x[/red]"]} for i in range(20)]
    corpus.write_text("".join(json.dumps(d) + "\n" for d in documents))
    arguments = ("import", str(corpus), "--name", "[b]ad", "--taxonomy", str(taxonomy))
    assert htrans(workspace, *arguments).returncode == 0
    briefly = ("--class-weights=1", "--epochs=1", "--workers=1")
    trained = htrans(workspace, "train", "[b]ad", *TRAIN_QUICKLY, *briefly, "--wait")
    assert trained.returncode == 0, trained.stderr
    assert "[red]x[/red] ␛[31mred␛[0m" in trained.stdout
    assert "\x1b" not in trained.stdout


def test_help_of_every_command_names_its_options(trained: Trained) -> None:
    from core.settings import TrainingSettings

    shown = htrans(trained.workspace, "train", "--help").stdout
    for name in TrainingSettings.__dataclass_fields__:
        assert f"--{name.replace('_', '-')}" in shown
    assert all(word in shown for word in ("validation F1", "GRU's", "Adam", "CUDA device"))


def test_workspace_is_named_before_or_after_the_command(trained: Trained, tmp_path: Path) -> None:
    elsewhere = Workspace(tmp_path / "elsewhere")
    option = f"--workspace={trained.workspace.root}"
    after = htrans_json(elsewhere, "runs", option)
    before = htrans(elsewhere, option, "runs", "--json")
    assert json.loads(before.stdout) == after
    assert "small" in [run["name"] for run in after]
