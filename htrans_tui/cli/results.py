"""Commands: evaluate, classify."""

from __future__ import annotations

import dataclasses
import sys
from typing import Annotated

import typer

from core.engine.artifacts.workspace_store import open_store
from core.engine.runs.lookup import has_ended, open_run
from core.errors import HTransError
from core.text.plain_text import printable
from htrans_tui.cli.options import (
    DeviceOption,
    JsonOption,
    WorkspaceOption,
    workspace_at,
)
from htrans_tui.cli.output import print_json, print_table, progress, say


def register(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.command()(evaluate)
    app.command()(classify)


def evaluate(
    run: Annotated[
        str | None,
        typer.Argument(
            help="Name of the run; the newest if omitted. RUN+tuned, RUN+calibrated, RUN+up and "
            "RUN+down apply another decision rule.",
            show_default=False,
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="test or validation.")] = "test",
    device: DeviceOption = "auto",
    workspace_path: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Evaluate a run on its test or validation documents."""
    if split not in ("test", "validation"):
        raise HTransError(f"--split {split}: use test or validation")
    workspace = workspace_at(workspace_path)
    with open_store(workspace) as store:
        from core.engine.comparison.run_variants import variant_named

        variant = variant_named(store, run or None)
        record = variant.run
        from core.engine.artifacts.run_data import RunData
        from core.engine.host.torch_device import pick_device
        from core.engine.scoring.decision_rules import thresholds_set_on
        from core.engine.scoring.evaluation import evaluate as compute

        with progress(f"scoring {record.name}", "categories") as step:
            data = RunData(store, workspace, record)
            result = compute(store, data, split, pick_device(device), variant.rule, step)
        fitted = thresholds_set_on(store, record, split) if variant.rule == data.rule else 0
    if not has_ended(record):
        say(f"run {record.name} is {record.state}: categories without a model accept nothing")
    if fitted:
        subject = "1 threshold was" if fitted == 1 else f"{fitted} thresholds were"
        say(f"{subject} set by hand on these {split} documents: these metrics are optimistic")
    if json:
        print_json(result.to_json())
        return
    rows = [
        [
            c.id,
            f"{c.counts.support:,}",
            *(f"{x:,}" for x in (c.counts.tp, c.counts.fp, c.counts.fn)),
            *(f"{x:.3f}" for x in dataclasses.astuple(c.counts.rates)),
            "" if c.average_precision is None else f"{c.average_precision:.3f}",
            f"{c.threshold:.3f}",
        ]
        for c in result.categories
    ]
    header = ["category", "support", "TP", "FP", "FN", "P", "R", "F1", "AP", "threshold"]
    print_table(header, rows, "l" + "r" * 9)
    summary = result.summary
    lines = [("micro", summary.micro), ("macro", summary.macro)]
    lines.append(("macro, categories with support", summary.macro_present))
    if result.hierarchical is not None:
        lines.append(("hierarchical", result.hierarchical))
    for level, rates in summary.levels.items():
        lines.append((f"level {level} micro", rates.micro))
        lines.append((f"level {level} macro", rates.macro))
    print()
    rows = [[name, *(f"{x:.4f}" for x in dataclasses.astuple(rates))] for name, rates in lines]
    print_table([f"{split}, {result.documents:,} documents", "P", "R", "F1"], rows, "lrrr")


def classify(
    run: Annotated[str, typer.Argument(help="Name of the run.")],
    text: Annotated[str | None, typer.Argument(help="The text; standard input if omitted.")] = None,
    workspace_path: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Classify one text with the models of a run."""
    workspace = workspace_at(workspace_path)
    with open_run(workspace, run) as (store, record):
        if text is None:
            if sys.stdin.isatty():
                say("type the text, then press Ctrl-D")
            text = sys.stdin.buffer.read().decode("utf-8", "replace")
        from core.engine.host.torch_device import pick_device
        from core.engine.prediction.classification import load_classifier

        classifier, without = load_classifier(store, workspace, record, pick_device("cpu"))
    if without:
        subject = "1 category" if without == 1 else f"{without} categories"
        say(f"{run}: {subject} without a model, never accepted")
    result = classifier.classify(text)
    assert result is not None
    if json:
        print_json(
            {
                "labels": result.labels,
                "scores": result.scores,
                "tokens": [token.text for token in result.tokens],
                "attention": {key: w.tolist() for key, w in result.attention.items()},
            }
        )
        return
    if not result.tokens:
        say("the text has no words")
    if not result.labels:
        print("no category is accepted")
    for label in result.labels:
        print(f"{result.scores[label]:.3f}  {printable(label)}")
