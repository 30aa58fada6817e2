"""Classify text in a process of its own that keeps the models loaded.

Run as `python -m core.engine.classify_service WORKSPACE RUN`. One JSON object a line: in comes
{"id": number, "text": string}; out goes {"ready": categories without a model} once, then for each
answer {"id", "labels", "scores"}, or {"error": sentence}. Only the newest request is answered: one
that a newer one overtakes is dropped, so that typing never queues up work.
"""

from __future__ import annotations

import json
import queue
import sys
import threading
from pathlib import Path
from typing import Any

import torch

from core.classifier import Classifier
from core.engine.classification import load_classifier
from core.errors import HTransError
from core.workspace import Workspace
from db.connection import Store
from db.runs import run_named


def serve(classifier: Classifier, requests: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    """Answer requests until None comes."""
    while True:
        request = _newest(requests)
        if request is None:
            return
        result = classifier.classify(request["text"], stop=lambda: not requests.empty())
        if result is not None:
            _say(id=request["id"], labels=result.labels, scores=result.scores)


def _newest(requests: queue.SimpleQueue[dict[str, Any] | None]) -> dict[str, Any] | None:
    request = requests.get()
    while request is not None and not requests.empty():
        request = requests.get()
    return request


def _read(requests: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    for line in sys.stdin:
        requests.put(json.loads(line))
    requests.put(None)


def _say(**answer: Any) -> None:
    print(json.dumps(answer), flush=True)


def main(root: str, run_name: str) -> int:
    """Serve the run until standard input ends."""
    torch.set_num_threads(1)
    workspace = Workspace(Path(root))
    try:
        store = Store(workspace.database)
        run = run_named(store, run_name)
        classifier, without = load_classifier(store, workspace, run, torch.device("cpu"))
        store.close()
    except HTransError as error:
        _say(error=str(error))
        return 1
    _say(ready=without)
    requests: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(requests,), daemon=True).start()
    serve(classifier, requests)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
