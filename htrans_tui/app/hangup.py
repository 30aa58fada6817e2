"""An app whose terminal is gone must end: nobody can see it or leave it.

Usually the terminal's end kills it with SIGHUP, but not where the terminal was not its controlling
one. Textual would then wait for ever with something to write, and its reader would turn in circles.
"""

from __future__ import annotations

import os
import select
import sys
import threading
import time

_PATIENCE = 2.0
"""Seconds in which the app can still end by itself."""


def end_with_terminal() -> None:
    """End this process when the terminal of standard input has hung up."""
    if sys.stdin is not None and sys.stdin.isatty():
        descriptor = sys.stdin.fileno()
        threading.Thread(target=_watch, args=(descriptor,), name="terminal", daemon=True).start()


def _watch(descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, 0)  # a hang-up is always reported
    poll.poll()
    time.sleep(_PATIENCE)
    os._exit(1)
