"""Output formats of bulk prediction: JSON lines and CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from core.prediction.classifier import Predictions


def to_json_lines(doc_ids: Sequence[str], predictions: Predictions) -> str:
    """A line for each document: `id`, `labels`, `scores` {category: probability}.

    A category that was not scored is missing in `scores`.
    """
    lines = []
    rows = zip(doc_ids, predictions.probabilities, predictions.labels(), strict=True)
    for doc_id, probabilities, labels in rows:
        scores = {
            category: float(f"{score:.7g}")
            for category, score in zip(predictions.categories, probabilities.tolist(), strict=True)
            if score == score
        }
        record = {"id": doc_id, "labels": labels, "scores": scores}
        lines.append(json.dumps(record, ensure_ascii=False) + "\n")
    return "".join(lines)


def to_csv(doc_ids: Sequence[str], predictions: Predictions) -> str:
    """A row for each document: id, labels separated by semicolons, a score per category."""
    out = io.StringIO()
    rows = zip(doc_ids, predictions.probabilities, predictions.labels(), strict=True)
    for doc_id, probabilities, labels in rows:
        scores = [f"{score:.7g}" if score == score else "" for score in probabilities.tolist()]
        _write_row(out, (doc_id, ";".join(labels), *scores))
    return out.getvalue()


def header_of(form: str, categories: Sequence[str]) -> str:
    """The first line of an output; empty for JSON lines."""
    if form != "csv":
        return ""
    out = io.StringIO()
    _write_row(out, ("id", "labels", *categories))
    return out.getvalue()


def _write_row(out: io.StringIO, fields: Sequence[str]) -> None:
    # The csv module quotes a carriage return only where it is part of the line terminator.
    quoting: Literal[0, 1] = (
        csv.QUOTE_ALL if any("\r" in field for field in fields) else csv.QUOTE_MINIMAL
    )
    csv.writer(out, lineterminator="\n", quoting=quoting).writerow(fields)


FORMATS: Mapping[str, Callable[[Sequence[str], Predictions], str]] = {
    "jsonl": to_json_lines,
    "csv": to_csv,
}
