"""The inputs of a run's tasks in the object store, where each is put once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

import numpy as np

from core.engine.artifacts.run_data import RunData
from core.models.model_files import load_embeddings, model_info
from core.systems.trial import TrialSpec
from core.text.token_arrays import TokenArrays

MAX_OBJECTS = {"model": 256, "table": 8}
"""References that are kept of a kind, 2 if it is not listed.

Ray frees an object once no task and no reference needs it.
"""


class SharedObjects:
    """References to objects of runs, without the least recently used ones. Thread-safe."""

    def __init__(self, share: Callable[[Any], Any]) -> None:
        self._share = share
        self._lock = threading.Lock()
        self._references: dict[str, dict[Hashable, Any]] = {}

    def documents(self, data: RunData) -> Any:
        """The tokens and splits of the corpus."""

        def make() -> Any:
            tokens = data.tokens
            # Ray shares plain arrays without a copy, but pickles memory-mapped ones.
            plain = TokenArrays(tokens.tokens.view(np.ndarray), tokens.offsets.view(np.ndarray))
            return replace(data.documents, tokens=plain)

        return self._get("documents", data.run.id, make)

    def inputs(self, data: RunData, spec: TrialSpec) -> tuple[Any, Any, Any, Any]:
        """Documents, embeddings, source model and TF-IDF vectors, as `train_trial` takes them."""
        documents = self.documents(data)
        if data.system.document_form == "tfidf":
            vectors = self._get("training vectors", data.run.id, lambda: data.training_vectors)
            return documents, None, None, vectors
        if spec.source_trial_id is not None:
            return documents, *reversed(self.model(data, spec.source_trial_id)), None
        initial = data.initial_embeddings
        embeddings = self._get("embeddings", data.run.id, lambda: initial().numpy())
        return documents, embeddings, None, None

    def model(self, data: RunData, trial_id: int) -> tuple[Any, Any]:
        """The model of a trial and its embedding table, None without one.

        Raises:
            CorruptFileError: The model's file is missing or corrupt.
        """
        path = data.model_file(trial_id)
        info = model_info(path)
        model = self._get("model", trial_id, lambda: (path.read_bytes(), info))
        name, folder = info.embeddings, data.workspace.embeddings
        if name is None:
            return model, None
        return model, self._get("table", name, lambda: load_embeddings(folder, name).numpy())

    def test_vectors(self, data: RunData) -> Any:
        """TF-IDF vectors of the test documents, None if the system reads tokens."""
        if data.system.document_form != "tfidf":
            return None
        return self._get("test vectors", data.run.id, lambda: data.test_vectors)

    def _get(self, kind: str, key: Hashable, make: Callable[[], Any]) -> Any:
        with self._lock:
            kept = self._references.setdefault(kind, {})
            kept[key] = kept.pop(key) if key in kept else self._share(make())
            while len(kept) > MAX_OBJECTS.get(kind, 2):
                del kept[next(iter(kept))]
            return kept[key]
