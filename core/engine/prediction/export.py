"""Writing a run's models to a folder that needs no workspace."""

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
_CHECKED = 64
"""Documents on which the ONNX model is compared with the trained one."""


@dataclass(frozen=True, slots=True)
class ExportReport:
    """Summary of an export: categories with and without a model, bytes, ONNX difference."""

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
    """Write a run's current models, whole or not at all, with a model card.

    With `onnx` also as one ONNX model, whose outputs are compared with those of the trained one.
    Raises `ConflictError` if the folder holds something, or the run has no model yet.
    """
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConflictError(f"{folder} is there already and not empty; choose another folder")
    data = RunData(store, workspace, run)
    categories = run_categories(store, run.id)
    hierarchy = hierarchy_of(store, data, categories, device)
    measured = evaluate(store, data, "test", device, progress=progress)
    facts = _facts(store, run, data, measured)
    hierarchy = replace(hierarchy, bounds=bounds_of(store, data, device), facts=facts)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir()
        write_hierarchy(temporary, hierarchy, model_card(hierarchy, measured))
        difference = None
        if onnx:
            texts = sample_texts(store, run.corpus_id, _CHECKED)
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


def _facts(store: Store, run: Run, data: RunData, measured: Evaluation) -> dict[str, Any]:
    corpus = corpus_with_id(store, run.corpus_id)
    by_hand = {own.split for own in set_thresholds(store, run.id).values()}
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
        "thresholds_set_on": sorted(by_hand),
        "test": {
            "micro": asdict(measured.summary.micro),
            "macro": asdict(measured.summary.macro),
            "macro_present": asdict(measured.summary.macro_present),
        },
        "models": {
            c.key: c.kept_trial_id for c in run_categories(store, run.id) if c.kept_trial_id
        },
        "versions": {name: version(name) for name in ("htrans-tui", "torch", "spacy", "numpy")},
    }


def model_card(hierarchy: Hierarchy, measured: Evaluation) -> str:
    """The model card as Markdown: data, settings, metrics, limits."""
    facts = hierarchy.facts
    corpus, settings = facts["corpus"], facts["settings"]
    summary = measured.summary
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
        f"{corpus['levels']} levels. Words of a document that are read: "
        f"{settings['max_words'] or 'all'}.",
        "",
        f"## Measures on the {measured.documents:,} test documents",
        "",
        "| | precision | recall | F1 |",
        "| --- | ---: | ---: | ---: |",
        _rates("micro", summary.micro),
        _rates("macro, all categories", summary.macro),
        _rates("macro, categories in the test split", summary.macro_present),
        "",
        f"Decisions: {_decisions(facts)}",
        "",
        "| category | support | precision | recall | F1 | accepts from |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        *(_category(category, hierarchy) for category in measured.categories),
        "",
        "## Settings",
        "",
        "```json",
        json.dumps(settings, indent=1, sort_keys=True),
        "```",
        "",
        "## Limits",
        "",
        "The measures hold for documents like those of the corpus. A category without a model is "
        "never predicted. Probabilities are the network's own unless the settings say `calibrate`.",
        "",
    ]
    return "\n".join(lines)


def _decisions(facts: Any) -> str:
    said = f"by the rule {facts['rule']!r}." if facts["rule"] else "from probability 0.5 on."
    if "test" in facts["thresholds_set_on"]:
        said += (
            " Some thresholds were set by hand on these test documents, so that the measures of "
            "their categories flatter the model."
        )
    elif facts["thresholds_set_on"]:
        said += " Some thresholds were set by hand on validation documents."
    return said


def _rates(name: str, rates: PrecisionRecallF1) -> str:
    return f"| {name} | {rates.precision:.4f} | {rates.recall:.4f} | {rates.f1:.4f} |"


def _category(category: CategoryEvaluation, hierarchy: Hierarchy) -> str:
    key = category.id.replace("|", "\\|").replace("\n", " ")
    rates = category.counts.rates
    least = f"{category.threshold:.3f}" if category.id in hierarchy.rules else "no model"
    return (
        f"| {key} | {category.counts.support:,} | {rates.precision:.3f} | {rates.recall:.3f} "
        f"| {rates.f1:.3f} | {least} |"
    )
