"""An app whose terminal is gone ends, also where the terminal's end sends it no signal."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys

import pytest

from tests.support.trained import Trained


@pytest.mark.slow
def test_an_app_ends_with_its_terminal(trained: Trained) -> None:
    master, slave = pty.openpty()
    app = subprocess.Popen(
        [sys.executable, "-m", "htrans_tui", "-w", str(trained.workspace.root)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,  # so that the terminal is not its controlling one
    )
    os.close(slave)
    try:
        seen = b""
        while b"runs" not in seen:
            assert select.select([master], [], [], 60)[0], seen
            seen += os.read(master, 65536)
        os.close(master)
        assert app.wait(60) is not None
    finally:
        app.kill()
        app.wait()
