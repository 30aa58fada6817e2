"""Export a run's models to a folder that is independent of the workspace."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from core.engine.artifacts.run_data import RunData
from core.engine.prediction.classification import hierarchy_of
from core.engine.prediction.top_down import bounds_of
from core.engine.scoring.evaluation import CategoryEvaluation, Evaluation, evaluate
from core.errors import ConflictError, HTransError
from core.metrics.precision_recall import PrecisionRecallF1
from core.prediction.exported import Hierarchy, write_hierarchy
from core.prediction.onnx_export import export_onnx
from core.progress import Progress
from core.workspace import Workspace
from db.connection import Store
from db.corpora import corpus_with_id, sample_texts
from db.run_categories import run_categories
from db.runs import Run
from db.thresholds import set_thresholds

ONNX_FILE = "model.onnx"
_ONNX_CHECKS = 64
"""Number of documents on which the ONNX model is compared with the trained model."""


@dataclass(frozen=True, slots=True)
class ExportReport:
    """Summary of an export.

    `trained` and `without` count categories with and without a model, `size` is in bytes, and
    `onnx_difference` is the maximum difference of the ONNX model's outputs.
    """

    trained: int
    without: int
    size: int
    onnx_difference: float | None


def export_run(
    store: Store,
    workspace: Workspace,
    run: Run,
    folder: Path,
    device: torch.device,
    *,
    onnx: bool = False,
    progress: Progress = lambda _done, _total: None,
) -> ExportReport:
    """Write a run's active models and a model card to a folder. Atomic.

    Args:
        store: The database.
        workspace: The workspace.
        run: The run.
        folder: The folder to create; it may exist if it is empty.
        device: Where to compute missing scores.
        onnx: Write an ONNX model too, and compare its outputs with the trained model.
        progress: Called with the number of evaluated categories and their total.

    Raises:
        ConflictError: The folder is not empty, or no category has a model.
        HTransError: The folder cannot be written.
    """
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConflictError(f"{folder} exists and is not empty; choose another folder")
    data = RunData(store, workspace, run)
    categories = run_categories(store, run.id)
    hierarchy = hierarchy_of(store, data, categories, device)
    evaluation = evaluate(store, data, "test", device, progress=progress)
    facts = _facts(store, run, data, evaluation)
    hierarchy = replace(hierarchy, bounds=bounds_of(store, data, device), facts=facts)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        write_hierarchy(temporary, hierarchy, model_card(hierarchy, evaluation))
        difference = None
        if onnx:
            texts = sample_texts(store, run.corpus_id, _ONNX_CHECKS)
            difference = export_onnx(hierarchy, temporary / ONNX_FILE, texts)
        if folder.exists():
            folder.rmdir()
        temporary.rename(folder)
    except OSError as error:
        raise HTransError(f"{folder}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    size = sum(path.stat().st_size for path in folder.iterdir())
    trained = len(hierarchy.rules)
    return ExportReport(trained, len(categories) - trained, size, difference)


def _facts(store: Store, run: Run, data: RunData, evaluation: Evaluation) -> dict[str, Any]:
    corpus = corpus_with_id(store, run.corpus_id)
    manual_splits = {manual.split for manual in set_thresholds(store, run.id).values()}
    return {
        "run": run.name,
        "system": run.system,
        "seed": run.seed,
        "settings": json.loads(run.settings),
        "corpus": {
            "name": corpus.name,
            "language": corpus.language,
            "train": corpus.train,
            "test": corpus.test,
            "categories": corpus.categories,
            "levels": corpus.levels,
        },
        "rule": data.rule.name,
        "thresholds_set_on": sorted(manual_splits),
        "test": {
            "micro": asdict(evaluation.summary.micro),
            "macro": asdict(evaluation.summary.macro),
            "macro_present": asdict(evaluation.summary.macro_present),
        },
        "models": {
            c.key: c.kept_trial_id for c in run_categories(store, run.id) if c.kept_trial_id
        },
        "versions": {name: version(name) for name in ("htrans-tui", "torch", "spacy", "numpy")},
    }


def model_card(hierarchy: Hierarchy, evaluation: Evaluation) -> str:
    """The model card in Markdown: data, settings, metrics, limits."""
    facts = hierarchy.facts
    corpus, settings = facts["corpus"], facts["settings"]
    summary = evaluation.summary
    lines = [
        f"# {facts['run']}: {facts['system']} on {corpus['name']}",
        "",
        f"A multi-label text classifier over a taxonomy of {len(hierarchy.taxonomy)} categories "
        f"({len(hierarchy.rules)} with a trained model), made with htrans-tui "
        f"{facts['versions']['htrans-tui']}.",
        "",
        "## Use",
        "",
        "```python",
        "from htrans_tui import load",
        "",
        'model = load("this-folder")',
        'model.predict(["a text"])          # the labels of each text',
        'model.predict_proba(["a text"])    # (texts, categories), as in model.categories',
        'model.explain("a text")            # labels, probabilities, attention on each word',
        "```",
        "",
        "## Data",
        "",
        f"Corpus {corpus['name']} (language {corpus['language']}): {corpus['train']:,} training "
        f"and {corpus['test']:,} test documents, {corpus['categories']} categories on "
        f"{corpus['levels']} levels. Words used of each document: "
        f"{settings['max_words'] or 'all'}.",
        "",
        f"## Metrics on the {evaluation.documents:,} test documents",
        "",
        "| | precision | recall | F1 |",
        "| --- | ---: | ---: | ---: |",
        _rates("micro", summary.micro),
        _rates("macro, all categories", summary.macro),
        _rates("macro, categories in the test split", summary.macro_present),
        "",
        f"Decisions: {_decisions(facts)}",
        "",
        "| category | support | precision | recall | F1 | threshold |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        *(_category(category, hierarchy) for category in evaluation.categories),
        "",
        "## Settings",
        "",
        "```json",
        json.dumps(settings, indent=1, sort_keys=True),
        "```",
        "",
        "## Limits",
        "",
        "The metrics apply to documents that resemble the corpus. A category without a model is "
        "never predicted. Probabilities are not calibrated unless the setting `calibrate` is on.",
        "",
    ]
    return "\n".join(lines)


def _decisions(facts: Any) -> str:
    text = f"rule {facts['rule']!r}." if facts["rule"] else "threshold 0.5."
    if "test" in facts["thresholds_set_on"]:
        text += (
            " Some thresholds were set manually on these test documents, so the metrics of their "
            "categories are optimistically biased."
        )
    elif facts["thresholds_set_on"]:
        text += " Some thresholds were set manually on validation documents."
    return text


def _rates(name: str, rates: PrecisionRecallF1) -> str:
    return f"| {name} | {rates.precision:.4f} | {rates.recall:.4f} | {rates.f1:.4f} |"


def _category(category: CategoryEvaluation, hierarchy: Hierarchy) -> str:
    key = category.id.replace("|", "\\|").replace("\n", " ")
    rates = category.counts.rates
    threshold = f"{category.threshold:.3f}" if category.id in hierarchy.rules else "no model"
    return (
        f"| {key} | {category.counts.support:,} | {rates.precision:.3f} | {rates.recall:.3f} "
        f"| {rates.f1:.3f} | {threshold} |"
    )
