"""Exported hierarchy: a self-contained folder that needs neither workspace nor database.

model.json              metadata, preprocessing, decision rule, checksums
taxonomy.tsv            parent, id, name
vocabulary.json         words by token id
thresholds.json         threshold, calibration and bound of each trained category
models.safetensors      parameters, named MODEL/PARAMETER
embeddings.safetensors  embedding tables (words, dimensions) by hash; models share them
tfidf.safetensors       features and inverse document frequencies of linear models
README.md               model card
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from core.corpus.taxonomy import Edge, Taxonomy
from core.errors import CorruptFileError, HTransError
from core.files import sha256
from core.metrics.calibration import Calibration
from core.metrics.decisions import CategoryRule
from core.models.model_files import ModelInfo, build_network
from core.models.network import TextNetwork
from core.prediction.classifier import Classification, Classifier
from core.prediction.scorers import LinearScorer, NetworksScorer, Scorer, SharedNetworkScorer
from core.text.text_reader import TextReader
from core.text.tokenizer import ALL_WORDS
from core.text.vocabulary import Vocabulary

FORMAT = "htrans-export-1"
_CHUNK = 256
"""Documents per scoring call."""


@dataclass(frozen=True, slots=True)
class ExportedModel:
    """One model of a hierarchy: metadata and parameters without embeddings."""

    info: ModelInfo
    state: dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Complete content of an exported hierarchy.

    `rules` contains the categories with a model, `bounds` those of them with a trained ancestor.
    `tables` are embedding tables (words, dimensions) by hash. `facts` describes the origin of the
    hierarchy.
    """

    system: str
    language: str
    max_words: int
    as_graph: bool
    consistent: str
    taxonomy: Taxonomy
    vocabulary: Vocabulary
    models: Sequence[ExportedModel]
    tables: Mapping[str, Tensor]
    rules: Mapping[str, CategoryRule]
    bounds: Mapping[str, float]
    tfidf: tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]] | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)

    def classifier(self, device: torch.device) -> Classifier:
        """Create a classifier on a device."""
        return Classifier(
            self.taxonomy,
            [self.scorer(device)],
            self.rules,
            TextReader(self.language, self.max_words, as_graph=self.as_graph),
            self.vocabulary,
            self.consistent,
        )

    def networks(self) -> dict[tuple[str, ...], TextNetwork]:
        """Build the networks, by the categories of their outputs; empty for linear models."""
        return {
            model.info.categories: build_network(
                model.state, model.info, self.tables[model.info.embeddings]
            )
            for model in self.models
            if model.info.embeddings is not None
        }

    def scorer(self, device: torch.device) -> Scorer:
        """Create the scorer of the categories with a model."""
        if self.tfidf is not None:
            from core.models.linear import LinearModel
            from core.models.tfidf import TfIdf

            words = self.max_words or ALL_WORDS
            return LinearScorer(
                {m.info.categories[0]: LinearModel.of(m.state) for m in self.models},
                TfIdf.of(*self.tfidf, len(self.vocabulary), words),
            )
        networks = self.networks()
        if len(networks) == 1:
            categories, network = next(iter(networks.items()))
            if len(categories) > 1:
                return SharedNetworkScorer(network, categories, device)
        return NetworksScorer({keys[0]: n for keys, n in networks.items()}, device)


def write_hierarchy(folder: Path, hierarchy: Hierarchy, card: str) -> None:
    """Write an exported hierarchy into an empty folder, with `card` as its Markdown model card."""
    h = hierarchy
    tensors: dict[str, Tensor] = {}
    models = []
    for index, model in enumerate(h.models):
        name = f"m{index:04d}"
        tensors |= {f"{name}/{key}": value.contiguous() for key, value in model.state.items()}
        info = model.info
        models.append(
            {
                "name": name,
                "network": info.network,
                "categories": list(info.categories),
                "class_weight": info.class_weight,
                "hidden_units": info.hidden_units,
                "dropout": info.dropout,
                "embeddings": info.embeddings,
            }
        )
    save_file(tensors, folder / "models.safetensors")
    if h.tables:
        embeddings = {name: table.contiguous() for name, table in h.tables.items()}
        save_file(embeddings, folder / "embeddings.safetensors")
    if h.tfidf is not None:
        features, frequency = map(torch.from_numpy, h.tfidf)
        save_file(
            {"features": features, "inverse_frequency": frequency}, folder / "tfidf.safetensors"
        )
    h.vocabulary.save(folder / "vocabulary.json")
    with (folder / "taxonomy.tsv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_ALL)
        table.writerow(("parent", "id", "name"))
        table.writerows((c.parent or "", c.id, c.name) for c in h.taxonomy)
    thresholds = {
        key: {
            "threshold": rule.threshold,
            "least_score": rule.min_score,
            "calibration": None
            if rule.calibration is None
            else [rule.calibration.slope, rule.calibration.intercept],
            "bound": h.bounds.get(key),
        }
        for key, rule in h.rules.items()
    }
    _write_json(folder / "thresholds.json", thresholds)
    (folder / "README.md").write_text(card, encoding="utf-8")
    mode = (folder / "taxonomy.tsv").stat().st_mode
    for path in folder.glob("*.safetensors"):
        path.chmod(mode)  # safetensors makes its files readable by the owner only
    files = {path.name: sha256(path) for path in sorted(folder.iterdir())}
    _write_json(
        folder / "model.json",
        {
            "format": FORMAT,
            "system": h.system,
            "language": h.language,
            "max_words": h.max_words,
            "as_graph": h.as_graph,
            "consistent": h.consistent,
            "models": models,
            "facts": dict(h.facts),
            "files": {name: digest for name, digest in files.items() if name != "README.md"},
        },
    )


def read_hierarchy(folder: Path) -> Hierarchy:
    """Read a folder written by `write_hierarchy`.

    Raises:
        HTransError: If the folder does not contain an exported hierarchy.
        CorruptFileError: If a file is missing or changed.
    """
    try:
        about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise HTransError(
            f"{folder}: no exported model ({error}); make one with: htrans-tui export RUN FOLDER"
        ) from error
    is_known = isinstance(about, dict) and about.get("format") == FORMAT
    if not is_known or not isinstance(about.get("files"), dict):
        raise HTransError(f"{folder}: model.json is not of the format {FORMAT}; export it again")
    for name, digest in about["files"].items():
        if not (folder / name).is_file() or sha256(folder / name) != digest:
            raise CorruptFileError(f"{folder / name}: missing or changed; copy the folder again")
    tensors = _tensors(folder / "models.safetensors")
    models = []
    for record in about["models"]:
        prefix = record.pop("name") + "/"
        state = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        info = ModelInfo(**{**record, "categories": tuple(record["categories"])})
        models.append(ExportedModel(info, state))
    tables = folder / "embeddings.safetensors"
    tfidf = None
    if (folder / "tfidf.safetensors").exists():
        parts = _tensors(folder / "tfidf.safetensors")
        tfidf = parts["features"].numpy(), parts["inverse_frequency"].numpy()
    thresholds = json.loads((folder / "thresholds.json").read_text(encoding="utf-8"))
    with (folder / "taxonomy.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t"))[1:]
    edges = [Edge(category_id, parent or None, name) for parent, category_id, name in rows]
    return Hierarchy(
        about["system"],
        about["language"],
        about["max_words"],
        about["as_graph"],
        about["consistent"],
        Taxonomy(edges, str(folder / "taxonomy.tsv")),
        Vocabulary.load(folder / "vocabulary.json"),
        models,
        _tensors(tables) if tables.exists() else {},
        {key: _rule(record) for key, record in thresholds.items()},
        {k: r["bound"] for k, r in thresholds.items() if r["bound"] is not None},
        tfidf,
        about["facts"],
    )


@dataclass(frozen=True, slots=True)
class Explanation:
    """Explanation of a text's labels.

    `tokens` are the words with their spans `text[start:end]`. `attention` maps each category whose
    network has attention to weights (tokens,) that sum to 1.
    """

    labels: tuple[str, ...]
    probabilities: dict[str, float]
    tokens: tuple[tuple[str, int, int], ...]
    attention: dict[str, npt.NDArray[np.float32]]


class Model:
    """An exported hierarchy, loaded with `htrans_tui.load`."""

    def __init__(self, hierarchy: Hierarchy, device: torch.device) -> None:
        self._classifier = hierarchy.classifier(device)
        # The classifier holds the parameters; drop the second copy.
        self._hierarchy = replace(hierarchy, models=(), tables={})

    def __repr__(self) -> str:
        trained = len(self._classifier.rules)
        return f"<htrans_tui model: {self._hierarchy.system}, {trained} trained categories>"

    @property
    def categories(self) -> tuple[str, ...]:
        """Ids of all categories, parents before children: the columns of `predict_proba`."""
        return self._classifier.categories

    @property
    def taxonomy(self) -> Taxonomy:
        """Names, parents and levels of the categories."""
        return self._hierarchy.taxonomy

    @property
    def thresholds(self) -> dict[str, float]:
        """Decision threshold (a probability) of each trained category."""
        return {key: rule.threshold for key, rule in self._hierarchy.rules.items()}

    @property
    def facts(self) -> Mapping[str, Any]:
        """Origin of the model: corpus, settings, metrics."""
        return self._hierarchy.facts

    @property
    def classifier(self) -> Classifier:
        """The underlying classifier."""
        return self._classifier

    @property
    def bounds(self) -> Mapping[str, float]:
        """Bounds of top-down prediction, see `Classifier.predict`."""
        return self._hierarchy.bounds

    def predict(self, texts: Sequence[str], *, top_down: bool = False) -> list[tuple[str, ...]]:
        """Predict the labels of each text, parents before children.

        With `top_down`, a category is scored only if its ancestor's score reaches a bound learned
        on validation documents. This is several times faster but can miss labels.
        """
        labels: list[tuple[str, ...]] = []
        bounds = self._hierarchy.bounds if top_down else None
        for start in range(0, len(_list(texts)), _CHUNK):
            labels += self._classifier.predict(texts[start : start + _CHUNK], bounds).labels()
        return labels

    def predict_proba(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Probabilities (texts, categories), in the order of `categories`.

        0 for a category without a model, and for a text without words.
        """
        parts = [
            self._classifier.predict(texts[start : start + _CHUNK]).probabilities
            for start in range(0, len(_list(texts)), _CHUNK)
        ]
        empty = np.zeros((0, len(self.categories)), dtype=np.float32)
        return np.concatenate([empty, *parts])

    def explain(self, text: str) -> Explanation:
        """Labels and probabilities of a text, and the attention on its words."""
        if not isinstance(text, str):
            raise TypeError(f"explain takes one text, not {type(text).__name__}")
        result: Classification | None = self._classifier.classify(text)
        assert result is not None
        tokens = tuple((token.text, token.start, token.end) for token in result.tokens)
        return Explanation(result.labels, result.scores, tokens, result.attention)


def load_model(folder: str | Path, device: str = "cpu") -> Model:
    """Load an exported hierarchy onto a torch device, such as "cpu" or "cuda".

    Raises:
        HTransError: If the folder does not contain a complete and unchanged hierarchy.
    """
    return Model(read_hierarchy(Path(folder)), torch.device(device))


def _list(texts: Sequence[str]) -> Sequence[str]:
    if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
        raise TypeError("give a list of texts, each a string")
    return texts


def _rule(record: Mapping[str, Any]) -> CategoryRule:
    calibration = record["calibration"]
    return CategoryRule(
        record["least_score"], None if calibration is None else Calibration(*calibration)
    )


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise CorruptFileError(f"{path}: not a readable safetensors file ({error})") from error


def _write_json(path: Path, value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")
