"""Documents as JSON lines, as `core.readers.jsonl` reads them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from core.corpus.documents import Document
from core.files import replacing


def write(documents: Iterable[Document], path: Path) -> None:
    """Write an object a line: `id`, `text`, `labels`, `split`."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        for document in documents:
            record = {
                "id": document.id,
                "text": document.text,
                "labels": document.labels,
                "split": document.split,
            }
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
