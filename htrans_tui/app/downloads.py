"""Downloads: files that a visitor's browser saves."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from textual.app import App


@contextmanager
def downloaded(app: App[Any], name: str) -> Iterator[Path]:
    """Yield a temporary path; deliver the file to the browser at the end, if it was written."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / re.sub(r"[^\w.-]", "-", name)
        yield path
        if path.exists():
            app.deliver_binary(
                io.BytesIO(path.read_bytes()),
                save_filename=path.name,
                mime_type="application/octet-stream",
            )
