"""The guardian starts the supervisor, and restarts it if it is killed.

It runs detached, as `python -m core.engine.processes.guardian WORKSPACE`. It ends when a supervisor
exits with code 0, or after several failures in a row.
"""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import time
from types import FrameType

MAX_FAILURES = 5
"""Consecutive early failures after which the guardian gives up."""
SOON = 5.0
"""A supervisor that ran for at least this many seconds did not fail early."""
_DELAY = 0.5

_log = logging.getLogger("htrans.guardian")


class Guardian:
    """Keeps a supervisor running until it has no work left."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._stopping = False

    def run(self) -> int:
        """Start supervisors until one succeeds; return an exit code."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)
        failures = 0
        while not self._stopping:
            started = time.monotonic()
            self._supervisor = subprocess.Popen(
                [sys.executable, "-m", "core.engine.processes.supervisor", self._root],
                stdin=subprocess.DEVNULL,
            )
            code = self._supervisor.wait()
            if code == 0:
                return 0
            _log.warning("the supervisor exited with code %d; restarting it", code)
            failures = failures + 1 if code > 0 and time.monotonic() - started < SOON else 0
            if failures >= MAX_FAILURES:
                _log.error("the supervisor has failed %d times; giving up", failures)
                return 1
            time.sleep(_DELAY)
        return 0

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._stopping = True
        if self._supervisor is not None and self._supervisor.poll() is None:
            self._supervisor.terminate()


def main(root: str) -> int:
    """Run the guardian of the workspace in the folder `root`."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    return Guardian(root).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
