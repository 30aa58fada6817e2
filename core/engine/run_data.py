"""What a worker needs of a run: its settings, documents, embeddings, and where its files lie."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from core.engine.token_store import token_folder
from core.errors import CorruptFileError
from core.examples import Examples, Rows, validation_split
from core.files import sha256
from core.model_files import ModelInfo, build_network, load_embeddings, load_model
from core.models.gru_att import GruAtt
from core.settings import TrainingSettings
from core.systems import System, system_named
from core.tokens import TokenArrays, Vocabulary
from core.vectors import WordVectors, embedding_matrix
from core.workspace import Workspace
from db.connection import Store
from db.corpora import document_numbers, positive_numbers
from db.runs import Run, RunCategory
from db.trials import trial_with_id
from db.vectors import vectors_with_id


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """Parameters of a trial's kept epoch and the embedding table (words, dimensions) below them."""

    state: dict[str, torch.Tensor]
    info: ModelInfo
    embeddings: torch.Tensor


class RunData:
    """Read-only access to the data of one run, loaded when first asked for."""

    def __init__(self, store: Store, workspace: Workspace, run: Run) -> None:
        self._store = store
        self.workspace = workspace
        self.run = run
        self.settings = TrainingSettings.from_json(run.settings)
        self.system: System = system_named(run.system)
        folder = token_folder(workspace, run.corpus_id, self.settings.max_words)
        self.tokens = TokenArrays.open(folder)
        self.vocabulary = Vocabulary.load(folder / "vocabulary.json")
        self._rows: dict[str, Rows] = {}
        self._embeddings: torch.Tensor | None = None
        self._table = lru_cache(maxsize=2)(self._load_table)

    @property
    def folder(self) -> Path:
        """Where the run's files lie."""
        return self.workspace.run(self.run.id)

    def initial_embeddings(self) -> torch.Tensor:
        """The embeddings (words, dimensions) that training from scratch starts with."""
        if self._embeddings is None:
            vectors = None
            dimensions = self.settings.dimensions
            if self.run.vectors_id is not None:
                record = vectors_with_id(self._store, self.run.vectors_id)
                dimensions = record.dimensions
                vectors = WordVectors(self.workspace.vectors(record.id), dimensions)
            self._embeddings, _ = embedding_matrix(
                self.vocabulary, self.settings.seed, dimensions, vectors
            )
        return self._embeddings

    def rows(self, split: str) -> Rows:
        """Numbers of the documents of a split."""
        if split not in self._rows:
            numbers = document_numbers(self._store, self.run.corpus_id, split)
            self._rows[split] = np.asarray(numbers, dtype=np.int64)
        return self._rows[split]

    def examples(self, category: RunCategory, split: str) -> Examples:
        """All documents of a split, with whether they are in the category."""
        rows = self.rows(split)
        positives = positive_numbers(self._store, category.category_id)
        targets = np.isin(rows, np.asarray(positives, dtype=np.int64))
        return Examples(self.tokens, rows, targets, self.settings.max_words)

    def training_and_validation(self, category: RunCategory) -> tuple[Examples, Examples]:
        """The category's own split of the training documents."""
        return validation_split(
            self.examples(category, "train"),
            self.settings.validation_fraction,
            self.settings.seed,
            category.key,
        )

    def model_of(self, trial_id: int) -> TrainedModel:
        """The model that a trial kept.

        Raises `CorruptFileError` if its file is missing or is not the one that was written.
        """
        trial = trial_with_id(self._store, trial_id)
        if trial.model is None:
            raise CorruptFileError(f"trial {trial_id} has no model; retrain its category")
        path = self.workspace.root / trial.model
        if not path.is_file() or sha256(path) != trial.sha256:
            raise CorruptFileError(
                f"{path}: missing or not the file that was written; restore a backup or retrain "
                "its category"
            )
        state, info = load_model(path)
        return TrainedModel(state, info, self._table(info.embeddings))

    def network(self, category: RunCategory) -> GruAtt | None:
        """The category's kept network in evaluation mode; None if it has none."""
        if category.kept_trial_id is None:
            return None
        model = self.model_of(category.kept_trial_id)
        return build_network(model.state, model.info, model.embeddings)

    def _load_table(self, name: str) -> torch.Tensor:
        return load_embeddings(self.workspace.embeddings, name)
