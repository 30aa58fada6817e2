"""The data of a run that a worker reads: settings, documents, embeddings, file locations."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from core.corpus.examples import Documents, Examples, Rows
from core.engine.artifacts.token_store import graph_folder, token_folder
from core.errors import CorruptFileError
from core.files import sha256
from core.metrics.decisions import DecisionRule, rule_of
from core.models.model_files import TrainedModel, build_network, load_embeddings, load_model
from core.models.network import TextNetwork
from core.settings import TrainingSettings
from core.systems import System, system_named
from core.systems.trial import Output
from core.text.token_arrays import TokenArrays
from core.text.tokenizer import ALL_WORDS
from core.text.vectors import WordVectors, embedding_matrix
from core.text.vocabulary import Vocabulary
from core.workspace import Workspace
from db.connection import Store
from db.corpora import document_numbers, positive_numbers
from db.run_categories import RunCategory, categories_sharing_model
from db.runs import Run
from db.trials import trial_with_id
from db.vectors import vectors_with_id

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from core.models.tfidf import TfIdf


class RunData:
    """Read-only access to the data of one run. Everything is loaded on first access."""

    def __init__(self, store: Store, workspace: Workspace, run: Run) -> None:
        self._store = store
        self.workspace = workspace
        self.run = run
        self.settings = TrainingSettings.from_json(run.settings)
        self.system: System = system_named(run.system)
        words = self.settings.max_words
        self.as_graph = self.system.document_form == "graphs"
        if self.as_graph:
            folder = graph_folder(workspace, run.corpus_id, words)
            self.max_words = ALL_WORDS
        else:
            folder = token_folder(workspace, run.corpus_id, words)
            self.max_words = words or ALL_WORDS
        self.tokens = TokenArrays.open(folder)
        self.vocabulary = Vocabulary.load(folder / "vocabulary.json")
        self._embeddings: torch.Tensor | None = None
        self._validation: tuple[tuple[int, ...], Examples] | None = None
        self._table = lru_cache(maxsize=2)(self._load_table)

    @property
    def folder(self) -> Path:
        """The folder of the run's files."""
        return self.workspace.run(self.run.id)

    def initial_embeddings(self) -> torch.Tensor:
        """The initial embeddings (words, dimensions) of training from scratch."""
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

    @property
    def rule(self) -> DecisionRule:
        """The decision rule of the run."""
        return rule_of(self.settings)

    @cached_property
    def tfidf(self) -> TfIdf:
        """The TF-IDF features, fitted on the training documents."""
        from core.models.tfidf import TfIdf

        return TfIdf.fit(self.tokens, self.rows("train"), self.vocabulary, self.max_words)

    @cached_property
    def test_vectors(self) -> csr_array:
        """TF-IDF vectors (documents, features) of the test documents."""
        return self.tfidf.vectors(self.tokens, self.rows("test"))

    @cached_property
    def training_vectors(self) -> csr_array:
        """TF-IDF vectors (documents, features) of the training documents."""
        return self.tfidf.vectors(self.tokens, self.rows("train"))

    @cached_property
    def documents(self) -> Documents:
        """The training and test documents of the run."""
        train, test = (
            np.asarray(document_numbers(self._store, self.run.corpus_id, split), dtype=np.int64)
            for split in ("train", "test")
        )
        return Documents(self.tokens, train, test, self.max_words)

    def rows(self, split: str) -> Rows:
        """Document numbers of a split."""
        return self.documents.rows(split)

    def positives(self, category: RunCategory) -> Rows:
        """Numbers of the documents of all splits in a category."""
        return np.asarray(positive_numbers(self._store, category.category_id), dtype=np.int64)

    def examples(self, category: RunCategory, split: str) -> Examples:
        """All documents of a split, with the category as target."""
        return self.documents.examples(self.positives(category), split)

    def outputs_of(self, categories: Sequence[RunCategory]) -> tuple[Output, ...]:
        """The outputs of a model of these categories."""
        return tuple(Output(c.key, c.class_weight, self.positives(c)) for c in categories)

    def validation(self, categories: Sequence[RunCategory]) -> Examples:
        """The validation documents of a model's categories. The last result is cached."""
        ids = tuple(category.id for category in categories)
        if self._validation is None or self._validation[0] != ids:
            _, examples = self.system.split(
                self.documents,
                self.outputs_of(categories),
                self.settings.validation_fraction,
                self.settings.seed,
            )
            self._validation = ids, examples
        return self._validation[1]

    def model_categories(self, category: RunCategory) -> list[RunCategory]:
        """The categories of a category's model, in the order of the model's outputs."""
        return categories_sharing_model(self._store, category.owner_id)

    def model_of(self, trial_id: int) -> TrainedModel:
        """The model of a trial.

        Raises:
            CorruptFileError: The file is missing, or its checksum is wrong.
        """
        state, info = load_model(self.model_file(trial_id))
        return TrainedModel(
            state, info, None if info.embeddings is None else self.table(info.embeddings)
        )

    def model_file(self, trial_id: int) -> Path:
        """The model file of a trial, after a check of its checksum.

        Raises:
            CorruptFileError: The file is missing, or its checksum is wrong.
        """
        trial = trial_with_id(self._store, trial_id)
        if trial.model is None:
            raise CorruptFileError(f"trial {trial_id} has no model; retrain its category")
        path = self.workspace.root / trial.model
        if not path.is_file() or sha256(path) != trial.sha256:
            raise CorruptFileError(
                f"{path}: missing or modified; restore a backup or retrain its category"
            )
        return path

    def table(self, name: str) -> torch.Tensor:
        """The embedding table (words, dimensions) with this name. The last two are cached."""
        return self._table(name)

    def network(self, trial_id: int) -> TextNetwork:
        """The network of a trial, in evaluation mode."""
        model = self.model_of(trial_id)
        assert model.embeddings is not None
        return build_network(model.state, model.info, model.embeddings)

    def _load_table(self, name: str) -> torch.Tensor:
        return load_embeddings(self.workspace.embeddings, name)
