"""What the tasks of one run need from the object store: put there once, however many they are."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np

from core.engine.artifacts.run_data import RunData
from core.engine.cluster.tasks import PackedModel
from core.models.model_files import ModelInfo, model_info
from core.systems.trial import TrialSpec
from core.text.token_arrays import TokenArrays

MODELS = 256
"""Models of parents that are kept in the object store; others are put there again."""
TABLES = 8
"""Embedding tables that are kept there."""

Key = TypeVar("Key")


class LruCache(Generic[Key]):
    """References to what was used last; Ray frees the objects of others when no task needs them."""

    def __init__(self, most: int, make: Callable[[Key], Any]) -> None:
        self._most = most
        self._make = make
        self._kept: OrderedDict[Key, Any] = OrderedDict()

    def get(self, key: Key) -> Any:
        """The reference of `key`, made if it is not kept."""
        if key not in self._kept:
            self._kept[key] = self._make(key)
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return self._kept[key]


class ObjectStoreCache:
    """References to a run's documents, embeddings and models; each raises as `share` does."""

    def __init__(self, data: RunData, share: Callable[[Any], Any]) -> None:
        self.data = data
        self._share = share
        self._reads_tfidf = data.system.document_form == "tfidf"
        self._models: LruCache[int] = LruCache(MODELS, self._put_model)
        self._tables: LruCache[str] = LruCache(TABLES, self._put_table)
        self._info: dict[int, ModelInfo] = {}

    @cached_property
    def documents(self) -> Any:
        """The tokens and which documents are in which split."""
        tokens = self.data.tokens
        # Ray copies plain arrays straight into its store; of a mapped file it would make bytes.
        plain = TokenArrays(tokens.tokens.view(np.ndarray), tokens.offsets.view(np.ndarray))
        return self._share(replace(self.data.documents, tokens=plain))

    def parts(self, assignment: TrialSpec) -> tuple[Any, Any, Any, Any]:
        """Documents, embeddings, source and vectors of a trial, as `train_trial` takes them."""
        if self._reads_tfidf:
            return self.documents, None, None, self._training_vectors
        source = assignment.source_trial_id
        if source is None:
            return self.documents, self._embeddings, None, None
        return self.documents, self.table_of(source), self.model(source), None

    def model(self, trial_id: int) -> Any:
        """The model that a trial kept. Raises `CorruptFileError` if it is not there."""
        return self._models.get(trial_id)

    def table_of(self, trial_id: int) -> Any:
        """The embedding table below a trial's model, None without one."""
        self.model(trial_id)
        name = self._info[trial_id].embeddings
        return None if name is None else self._tables.get(name)

    @cached_property
    def test_vectors(self) -> Any:
        """The test documents as a linear model wants them; None for other systems."""
        return self._share(self.data.test_vectors) if self._reads_tfidf else None

    @cached_property
    def _training_vectors(self) -> Any:
        return self._share(self.data.training_vectors)

    @cached_property
    def _embeddings(self) -> Any:
        return self._share(self.data.initial_embeddings().numpy())

    def _put_model(self, trial_id: int) -> Any:
        path = self.data.model_file(trial_id)
        self._info[trial_id] = model_info(path)
        content = np.frombuffer(path.read_bytes(), dtype=np.uint8)
        return self._share(PackedModel(content, self._info[trial_id]))

    def _put_table(self, name: str) -> Any:
        return self._share(self.data.table(name).numpy())
