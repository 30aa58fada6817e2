"""A process that keeps a run's models loaded, so that the app does not import torch.

Run as `python -m core.engine.prediction.inference_server WORKSPACE RUN`. Requests and answers are
JSON objects, one per line. An answer has the `id` of its request. A failure is {"id", "error"}.

{"id", "load": true}                        → {"id", "ready": categories without a model}
{"id", "text", "attention": category}       → {"id", "labels", "scores", "spans", "attention"}
{"id", "explain": text, "category"}         → {"id", "spans", "attention"}
{"id", "prepare": category, "split"}        → {"id", "prepared": true}

`spans` are the offsets [start, end] of the tokens in the text, `attention` their weights; both are
empty if the model has no attention. Only the newest "text" request and the newest "explain" request
are answered; older ones are dropped, so that typing does not queue up work. Retrained models are
loaded before the next answer.
"""

from __future__ import annotations

import json
import queue
import sys
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch

from core.engine.artifacts.document_index import ensure_index
from core.engine.artifacts.run_data import RunData
from core.engine.artifacts.run_files import rows_path
from core.engine.prediction.classification import load_classifier, reader_of, scorer_of
from core.engine.scoring.scores import category_rule, save_array, scores_of
from core.errors import HTransError, NotFoundError
from core.prediction.classifier import Classifier
from core.prediction.scorers import Scorer
from core.text.tokenizer import LocatedToken
from core.workspace import Workspace
from db.connection import Store
from db.run_categories import RunCategory, run_categories
from db.runs import run_named
from db.thresholds import set_thresholds

Request = dict[str, Any]

_MAX_SCORERS = 8
"""Number of cached models that explain single categories."""
_CPU = torch.device("cpu")


class InferenceServer:
    """Answers requests about one run."""

    def __init__(self, store: Store, workspace: Workspace, run_name: str) -> None:
        self._store = store
        self._workspace = workspace
        self._run = run_named(store, run_name)
        self._data = RunData(store, workspace, self._run)
        self._reader = reader_of(store, self._data)
        self._classifier: Classifier | None = None
        self._without = 0
        self._loaded: object = None
        self._version = -1
        self._scorers: OrderedDict[int, Scorer] = OrderedDict()

    def answer(self, request: Request, waiting: Waiting) -> Request | None:
        """Answer a request.

        Args:
            request: The request.
            waiting: Requests after this one.

        Returns:
            The answer, or None if a newer request has replaced this one.

        Raises:
            HTransError: The request cannot be answered.
        """
        if "load" in request:
            self._current()
            return {"ready": self._without}
        if "text" in request:
            return self._classify(request, waiting)
        if "explain" in request:
            return self._explain(request["explain"], request["category"])
        return self._prepare(request["prepare"], request["split"])

    def _classify(self, request: Request, waiting: Waiting) -> Request | None:
        classifier = self._current()
        result = classifier.classify(request["text"], stop=waiting.has_text)
        if result is None:
            return None
        weights = result.attention.get(request.get("attention") or "")
        return {
            "labels": result.labels,
            "scores": result.scores,
            "spans": [] if weights is None else _spans(result.tokens),
            "attention": [] if weights is None else weights.tolist(),
        }

    def _explain(self, text: str, key: str) -> Request:
        category = self._category(key)
        tokens = self._reader.tokens(text)
        empty: Request = {"spans": [], "attention": []}
        if category.kept_trial_id is None or not tokens:
            return empty
        scorer = self._scorers.pop(category.kept_trial_id, None)
        if scorer is None:
            scorer = scorer_of(self._store, self._data, category, _CPU)
        self._scorers[category.kept_trial_id] = scorer
        if len(self._scorers) > _MAX_SCORERS:
            self._scorers.popitem(last=False)
        words = [token.text for token in tokens]
        scored = scorer.score(self._reader.encode(words, self._data.vocabulary))
        if scored.attention is None:
            return empty
        weights = scored.attention[scorer.categories.index(key)]
        return {"spans": _spans(tokens), "attention": weights.tolist()}

    def _prepare(self, key: str, split: str) -> Request:
        category = self._category(key)
        ensure_index(self._store, self._workspace, self._run.corpus_id)
        examples, _ = scores_of(self._data, category, split, _CPU)
        category_rule(self._store, self._data, category, self._data.rule, _CPU)
        if split == "validation" and category.kept_trial_id is not None:
            path = rows_path(self._data.folder, category.id, category.kept_trial_id)
            save_array(path, examples.rows)
        return {"prepared": True}

    def _current(self) -> Classifier:
        """The classifier with the active models and thresholds; reloaded if they changed."""
        version = self._store.data_version()
        if self._classifier is None or version != self._version:
            models = self._models()
            if self._classifier is None or models != self._loaded:
                self._classifier, self._without = load_classifier(
                    self._store, self._workspace, self._run, _CPU
                )
                self._loaded = models
            self._version = version
        return self._classifier

    def _models(self) -> object:
        trials = [(c.key, c.kept_trial_id) for c in run_categories(self._store, self._run.id)]
        return trials, set_thresholds(self._store, self._run.id)

    def _category(self, key: str) -> RunCategory:
        for category in run_categories(self._store, self._run.id):
            if category.key == key:
                return category
        raise NotFoundError(f"run {self._run.name!r} has no category {key!r}")


class Waiting:
    """The queue of unanswered requests."""

    def __init__(self) -> None:
        self._requests: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._pending: list[Request | None] = []

    def put(self, request: Request | None) -> None:
        """Add a request; None marks the end."""
        self._requests.put(request)

    def next(self) -> Request | None:
        """Wait for the next request to answer. Superseded requests are dropped."""
        if not self._pending:
            self._pending.append(self._requests.get())
        self._drain()
        request = self._pending.pop(0)
        while request is not None and self._is_superseded(request):
            request = self._pending.pop(0)
        return request

    def has_text(self) -> bool:
        """Whether a newer text waits to be classified, or the end was marked."""
        self._drain()
        return any(request is None or "text" in request for request in self._pending)

    def _drain(self) -> None:
        while not self._requests.empty():
            self._pending.append(self._requests.get())

    def _is_superseded(self, request: Request) -> bool:
        kind = next((kind for kind in ("text", "explain") if kind in request), None)
        return kind is not None and any(later and kind in later for later in self._pending)


def serve(service: InferenceServer, waiting: Waiting) -> None:
    """Answer requests until None comes."""
    while (request := waiting.next()) is not None:
        try:
            answer = service.answer(request, waiting)
        except HTransError as error:
            answer = {"error": str(error)}
        except Exception as error:
            # An error of one text must not end the process.
            answer = {"error": f"unexpected {type(error).__name__}: {error}"}
        if answer is not None:
            _send({"id": request["id"], **answer})


def _spans(tokens: tuple[LocatedToken, ...] | list[LocatedToken]) -> list[tuple[int, int]]:
    return [(token.start, token.end) for token in tokens]


def _read(waiting: Waiting) -> None:
    for line in sys.stdin:
        waiting.put(json.loads(line))
    waiting.put(None)


def _send(answer: Request) -> None:
    print(json.dumps(answer), flush=True)


def main(root: str, run_name: str) -> int:
    """Serve the run until standard input ends."""
    torch.set_num_threads(1)
    waiting = Waiting()
    threading.Thread(target=_read, args=(waiting,), daemon=True).start()
    workspace = Workspace(Path(root))
    try:
        store = Store(workspace.database)
    except HTransError as error:
        return _refuse(error)
    with store:
        try:
            service = InferenceServer(store, workspace, run_name)
        except HTransError as error:
            return _refuse(error)
        serve(service, waiting)
    return 0


def _refuse(error: HTransError) -> int:
    _send({"id": 0, "error": str(error)})
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
