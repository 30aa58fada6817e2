"""Files for a visitor in a browser, who saves on a machine of their own what the app writes."""

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
    """A path for a new file; once it is written, the browser saves it, and here nothing stays."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / re.sub(r"[^\w.-]", "-", name)
        yield path
        if path.exists():
            app.deliver_binary(
                io.BytesIO(path.read_bytes()),
                save_filename=path.name,
                mime_type="application/octet-stream",
            )
