"""A process that labels documents for `core.engine.prediction.bulk`.

Run as `python -m core.engine.prediction.predict_worker REQUEST`, a JSON object with `workspace`
(null for an exported model), `name`, `device`, `top_down` and `form`. It says {"ready": {…}} once;
then for each line {"documents": [[id, text], …]} it says {"lines": text, "asked": …, "pairs": …}.
It ends with its standard input.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch

from core.engine.prediction.model_source import ModelSource, load_models
from core.errors import HTransError
from core.prediction.classifier import Predictions


def in_json_lines(ids: Sequence[str], found: Predictions) -> str:
    """A line for each document: `id`, `labels`, `scores` {category: probability}.

    A category that was not asked has no score.
    """
    lines = []
    for key, row, labels in zip(ids, found.probabilities, found.labels(), strict=True):
        scores = {
            category: float(f"{score:.7g}")
            for category, score in zip(found.categories, row.tolist(), strict=True)
            if score == score
        }
        record = {"id": key, "labels": labels, "scores": scores}
        lines.append(json.dumps(record, ensure_ascii=False) + "\n")
    return "".join(lines)


def in_table(ids: Sequence[str], found: Predictions) -> str:
    """A CSV row for each document: id, labels separated by semicolons, a score per category."""
    out = io.StringIO()
    for key, row, labels in zip(ids, found.probabilities, found.labels(), strict=True):
        scores = [f"{score:.7g}" if score == score else "" for score in row.tolist()]
        _row(out, (key, ";".join(labels), *scores))
    return out.getvalue()


def table_header(categories: Sequence[str]) -> str:
    """The first line of a CSV file."""
    out = io.StringIO()
    _row(out, ("id", "labels", *categories))
    return out.getvalue()


def _row(out: io.StringIO, fields: Sequence[str]) -> None:
    # A carriage return is quoted by itself only where it is part of the end of lines.
    quoting: Literal[0, 1] = (
        csv.QUOTE_ALL if any("\r" in field for field in fields) else csv.QUOTE_MINIMAL
    )
    csv.writer(out, lineterminator="\n", quoting=quoting).writerow(fields)


FORMS = {"jsonl": in_json_lines, "csv": in_table}


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


def main(request_text: str) -> int:
    """Label documents until standard input ends."""
    torch.set_num_threads(1)
    request = json.loads(request_text)
    place = request["workspace"]
    source = ModelSource(None if place is None else Path(place), request["name"])
    try:
        loaded = load_models(source, torch.device(request["device"]), top_down=request["top_down"])
    except HTransError as error:
        _say({"error": str(error)})
        return 1
    classifier = loaded.classifier
    _say(
        {
            "ready": {
                "identity": loaded.identity,
                "without": loaded.without,
                "header": table_header(classifier.categories) if request["form"] == "csv" else "",
            }
        }
    )
    form = FORMS[request["form"]]
    for line in sys.stdin:
        documents = json.loads(line)["documents"]
        ids = [key for key, _ in documents]
        found = classifier.predict([text for _, text in documents], loaded.bounds)
        _say({"lines": form(ids, found), "asked": found.asked, "pairs": found.pairs})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
