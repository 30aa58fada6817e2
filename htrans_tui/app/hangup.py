"""Exit of the app when its terminal hangs up.

The kernel sends SIGHUP only if the terminal is the controlling terminal of the app. Otherwise
Textual would block on its output for ever, and its input thread would spin.
"""

from __future__ import annotations

import os
import select
import sys
import threading
import time

_EXIT_TIMEOUT_S = 2.0
"""Seconds that the app has to exit by itself."""


def end_with_terminal() -> None:
    """Exit this process when the terminal of standard input hangs up."""
    if sys.stdin is not None and sys.stdin.isatty():
        descriptor = sys.stdin.fileno()
        threading.Thread(target=_watch, args=(descriptor,), name="terminal", daemon=True).start()


def _watch(descriptor: int) -> None:
    poll = select.poll()
    poll.register(descriptor, 0)  # POLLHUP is always reported.
    poll.poll()
    time.sleep(_EXIT_TIMEOUT_S)
    os._exit(1)
