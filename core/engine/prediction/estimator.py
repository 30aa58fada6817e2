"""HTrans as a scikit-learn estimator."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from core.engine.host.launch import stop_supervisor
from core.engine.ingest.corpora import import_corpus
from core.engine.ingest.import_plan import ImportRequest
from core.engine.ingest.vectors import add_vectors_file
from core.engine.prediction.export import export_run
from core.engine.runs.engine_choice import EngineRequest
from core.engine.runs.starting import RunRequest, start_run
from core.engine.runs.waiting import wait_for
from core.errors import ConflictError, HTransError
from core.prediction.exported import Hierarchy, Model, read_hierarchy, write_hierarchy
from core.systems import system_named
from core.workspace import Workspace
from db.connection import Store
from db.events import last_message

Labels = Sequence[Iterable[str]] | npt.NDArray[Any]
"""The labels of each text, or a matrix (texts, classes) of zeros and ones."""
TaxonomyLike = Mapping[str, str | None] | str | Path
"""The parent of each category (None or "" for top-level categories), or a taxonomy file."""


class HTransClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Trains one classifier per category of a taxonomy, each initialised from its parent's model.

    `X` is a list of texts. `y` is a list of label lists or, with `classes`, an indicator matrix
    (texts, classes). Training runs in separate processes, on all cores or GPUs, in a temporary
    workspace.

    Attributes:
        classes_: Category keys.
        model_: The trained model, of the type that `htrans_tui.load` returns.
    """

    def __init__(
        self,
        system: str = "htrans",
        *,
        taxonomy: TaxonomyLike | None = None,
        classes: Sequence[str] | None = None,
        vectors: str | Path | None = None,
        preset: str = "paper",
        settings: Mapping[str, Any] | None = None,
        language: str = "en",
        device: str = "auto",
        workers: int | None = None,
        random_state: int = 0,
    ) -> None:
        """Store the parameters.

        Args:
            system: Name of the system.
            taxonomy: Parent of each category, or a taxonomy file; `fit` can override it.
            classes: Labels of the columns of `y` if it is a matrix.
            vectors: File of word vectors in a format that `htrans-tui vectors add` reads.
            preset: Named defaults of the settings.
            settings: Settings of `htrans-tui train`, such as {"epochs": 5, "max_words": 50}.
            language: Language code of the texts.
            device: Devices as `--device` names them.
            workers: Number of workers; None for one per slot.
            random_state: Seed of the run.
        """
        self.system = system
        self.taxonomy = taxonomy
        self.classes = classes
        self.vectors = vectors
        self.preset = preset
        self.settings = settings
        self.language = language
        self.device = device
        self.workers = workers
        self.random_state = random_state

    def fit(
        self,
        X: Sequence[str],  # noqa: N803
        y: Labels,
        taxonomy: TaxonomyLike | None = None,
    ) -> HTransClassifier:
        """Train on texts and their labels. Labels are propagated to ancestors.

        Args:
            X: Texts.
            y: Labels of each text, or a matrix (texts, classes).
            taxonomy: Parent of each category, or a taxonomy file; None for the taxonomy of the
                constructor. Without one, every label is a top-level category.

        Raises:
            HTransError: Labels or settings are invalid, or training failed.
        """
        texts = list(X)
        labels = self._labels(y)
        if len(texts) != len(labels):
            raise HTransError(
                f"X has {len(texts)} texts, but y has labels of {len(labels)}; the lengths must be "
                "equal"
            )
        if not all(isinstance(text, str) for text in texts):
            raise HTransError("X must contain strings only")
        with tempfile.TemporaryDirectory(prefix="htrans-tui-") as folder:
            self._fit(Path(folder), texts, labels, taxonomy or self.taxonomy)
        return self

    def predict(self, X: Sequence[str]) -> npt.NDArray[np.int64]:  # noqa: N803
        """Indicator matrix (texts, classes), in the order of `classes_`."""
        check_is_fitted(self, "model_")
        indicators = np.zeros((len(X), len(self.classes_)), dtype=np.int64)
        column = {key: i for i, key in enumerate(self.classes_)}
        for row, labels in enumerate(self.model_.predict(list(X))):
            indicators[row, [column[key] for key in labels if key in column]] = 1
        return indicators

    def predict_proba(self, X: Sequence[str]) -> npt.NDArray[np.float32]:  # noqa: N803
        """Probabilities (texts, classes), in the order of `classes_`."""
        check_is_fitted(self, "model_")
        columns = [self.model_.categories.index(key) for key in self.classes_]
        return self.model_.predict_proba(list(X))[:, columns]

    def predict_labels(self, X: Sequence[str]) -> list[tuple[str, ...]]:  # noqa: N803
        """The labels of each text, parents before children."""
        check_is_fitted(self, "model_")
        return self.model_.predict(list(X))

    def _labels(self, y: Labels) -> list[list[str]]:
        if isinstance(y, np.ndarray) and y.ndim == 2:
            if self.classes is None or len(self.classes) != y.shape[1]:
                raise HTransError(
                    f"y is a matrix with {y.shape[1]} columns; pass their labels to the estimator "
                    "with classes=[…]"
                )
            return [[self.classes[int(i)] for i in np.flatnonzero(row)] for row in y]
        label_lists = []
        for labels in y:
            if isinstance(labels, str):
                raise HTransError(
                    f"y contains the string {labels!r}; pass a list of labels for each text"
                )
            label_lists.append([str(label) for label in labels])
        return label_lists

    def _fit(
        self,
        folder: Path,
        texts: Sequence[str],
        labels: Sequence[Sequence[str]],
        taxonomy: TaxonomyLike | None,
    ) -> None:
        workspace = Workspace(folder / "workspace")
        workspace.create()
        with Store(workspace.database, create=True) as store:
            try:
                with (folder / "texts.jsonl").open("w", encoding="utf-8") as file:
                    for number, (text, keys) in enumerate(zip(texts, labels, strict=True)):
                        record = {"id": str(number), "text": text, "labels": keys, "split": "train"}
                        file.write(json.dumps(record) + "\n")
                changes = {"seed": self.random_state, **(self.settings or {})}
                settings = system_named(self.system).settings(self.preset, changes)
                request = ImportRequest(
                    "texts",
                    (str(folder / "texts.jsonl"),),
                    format="jsonl",
                    taxonomy=_taxonomy_file(folder, taxonomy, labels, self.classes),
                    language=self.language,
                    max_words=settings.max_words or 1000,
                    processes=1,  # A spawned process would run the calling script again.
                )
                import_corpus(store, workspace, request)
                if self.vectors is not None:
                    add_vectors_file(store, workspace, str(self.vectors), "vectors")
                run, _ = start_run(
                    store,
                    workspace,
                    RunRequest(
                        corpus="texts",
                        settings=settings,
                        system=self.system,
                        vectors=None if self.vectors is None else "vectors",
                        engine=EngineRequest(device=self.device, workers=self.workers),
                    ),
                )
                state = wait_for(store, workspace, run.id)
                if state != "done":
                    reason = last_message(store)
                    raise ConflictError(
                        f"training ended as {state}: {reason or 'the reason is unknown'}"
                    )
                export_run(store, workspace, run, folder / "model", torch.device("cpu"))
            finally:
                stop_supervisor(store)
        self.hierarchy_: Hierarchy = read_hierarchy(folder / "model")
        self.card_ = (folder / "model" / "README.md").read_text(encoding="utf-8")
        self.model_ = Model(self.hierarchy_, torch.device("cpu"))
        known = set(self.model_.categories)
        wanted = self.model_.categories if self.classes is None else self.classes
        self.classes_ = np.asarray([key for key in wanted if key in known], dtype=object)

    def save(self, folder: str | Path) -> None:
        """Write the model to a folder in the format of `htrans-tui export`.

        Raises:
            ConflictError: The folder exists and is not empty.
        """
        check_is_fitted(self, "model_")
        target = Path(folder)
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise ConflictError(f"{target} exists and is not empty; choose another folder")
        target.mkdir(parents=True, exist_ok=True)
        write_hierarchy(target, self.hierarchy_, self.card_)

    def __getstate__(self) -> dict[str, Any]:
        """The picklable state, without the parts that are rebuilt on loading."""
        return {key: value for key, value in super().__getstate__().items() if key != "model_"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "hierarchy_" in state:
            self.model_ = Model(self.hierarchy_, torch.device("cpu"))


def _taxonomy_file(
    folder: Path,
    taxonomy: TaxonomyLike | None,
    labels: Sequence[Sequence[str]],
    classes: Sequence[str] | None,
) -> Path:
    if isinstance(taxonomy, str | Path):
        return Path(taxonomy)
    if taxonomy is None:
        roots = classes if classes is not None else sorted({key for keys in labels for key in keys})
        taxonomy = dict.fromkeys(roots)
    path = folder / "taxonomy.tsv"
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        table.writerow(("parent", "id", "name"))
        table.writerows((parent or "", key, key) for key, parent in taxonomy.items())
    return path
