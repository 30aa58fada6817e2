"""The app in a pseudo-terminal of 140 × 45: keys, CPU, memory, and how soon it is there.

    python benchmarks/app.py [keys] [cpu] [memory] [start]

Without an argument all of it. Runs have 100, 2,000 and 10,000 categories with 7 class weights each,
and two processes that write 20 rows of progress a second between them, as workers do.

keys    milliseconds from a key to what it asks for on the terminal, median and 95th percentile
cpu     share of a core that the app takes while such a run is watched, and while nothing happens
memory  resident memory before and after a million rows of progress
start   --help, status and the first paint, as ratios to importing textual
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil
from store import filled

from core.workspace import Workspace
from db.connection import Store
from db.trials import Claim, Epoch, claim_trial, record_epoch, record_progress
from db.workers import add_worker, set_worker_state, worker_heartbeat

SIZES = (100, 2_000, 10_000)
WIDTH, HEIGHT = 140, 45
WRITERS = 2
ROWS_A_SECOND = 20
WATCHED_SECONDS = 20.0
MANY_ROWS = 1_000_000
STARTS = 7


class Terminal:
    """The app in a pseudo-terminal whose output is read as it comes."""

    def __init__(self, workspace: Path, *arguments: str, home: Path | None = None) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        home_folder = str(workspace.parent if home is None else home)
        environment = {
            **os.environ,
            "HTRANS_WORKSPACE": str(workspace),
            "XDG_STATE_HOME": home_folder,
            "XDG_CONFIG_HOME": home_folder,
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "htrans_tui", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,
        )
        os.close(slave)

    def send(self, keys: str) -> None:
        """Type."""
        os.write(self.master, keys.encode())

    def read(self) -> bytes:
        """What has come, at least a byte."""
        return os.read(self.master, 1 << 16)

    def wait_for(self, text: str, seconds: float = 30.0) -> float:
        """Read until `text` has been painted; return how long that took, in seconds."""
        began = time.perf_counter()
        seen = b""
        while text.encode() not in seen:
            if not select.select([self.master], [], [], seconds)[0]:
                raise SystemExit(f"never painted: {text!r}")
            seen = seen[-200:] + os.read(self.master, 1 << 16)
        return time.perf_counter() - began

    def drain(self, seconds: float) -> None:
        """Read what comes for some time."""
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            if select.select([self.master], [], [], left)[0]:
                os.read(self.master, 1 << 16)

    def end(self) -> None:
        """End the app."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        os.close(self.master)


def write(database: Path, seconds: float) -> None:
    """Do what a worker does to the database: progress, an epoch now and then, heartbeats."""
    store = Store(database)
    worker = add_worker(store, os.getpid(), psutil.Process().create_time(), "cpu")
    pause = WRITERS / ROWS_A_SECOND
    deadline = time.monotonic() + seconds
    epoch, batch = 1, 0
    claim = _next(store, worker)
    while time.monotonic() < deadline:
        batch += 1
        if batch > 50:
            result = Epoch(epoch, 0.5 / epoch, 0.6 / epoch, 0.5, 0.5, 0.1 * epoch, 5.0)
            record_epoch(store, claim, result, is_kept=True, seconds=0.1)
            epoch, batch = epoch + 1, 1
            if epoch > 5:
                epoch, claim = 1, _next(store, worker)
        record_progress(
            store,
            claim,
            epoch=epoch,
            batch=batch,
            batches=50,
            loss=0.7 / (epoch + batch / 50),
            documents_per_second=400.0,
            seconds=pause,
        )
        if batch % 10 == 0:
            worker_heartbeat(store, worker)
        time.sleep(pause)


def _next(store: Store, worker: int) -> Claim:
    claim = claim_trial(store, worker)
    assert claim is not None
    set_worker_state(store, worker, "training")
    return claim


@contextmanager
def watched(categories: int, *, writers: int = WRITERS) -> Iterator[tuple[Terminal, Path]]:
    """The app on a run of that many categories, with writers at work."""
    with tempfile.TemporaryDirectory() as name:
        workspace = Workspace(Path(name) / "workspace")
        workspace.create()
        store, _ = filled(workspace.root, categories)
        store.close()
        at_work = [
            subprocess.Popen([sys.executable, __file__, "--write", str(workspace.database)])
            for _ in range(writers)
        ]
        time.sleep(1.0)
        terminal = Terminal(workspace.root)
        try:
            terminal.wait_for("htrans-tui")
            terminal.drain(1.5)
            terminal.send("\r")
            terminal.wait_for("t0")
            terminal.drain(3.0)
            yield terminal, workspace.database
        finally:
            terminal.end()
            for process in at_work:
                process.kill()
                process.wait()


def keys() -> None:
    """Milliseconds from a key to its effect on the terminal."""
    for categories in SIZES:
        with watched(categories) as (terminal, _):
            times: dict[str, list[float]] = {}

            def press(what: str, key: str, expected: str, rest: float = 0.2) -> None:
                terminal.send(key)
                times.setdefault(what, []).append(1000 * terminal.wait_for(expected))  # noqa: B023
                terminal.drain(rest)

            below = max(categories // 20, 1)
            # What is below t0 stands below it in the tree, in steps of the number of parents.
            rows = [f"c{number * below}" for number in range(19)]
            for row in rows:
                press("down", "\x1b[B", row)
            for row in reversed(rows[:-1]):
                press("up", "\x1b[A", row)
            for _ in range(3):
                press("end", "\x1b[F", f"c{categories - below - 1}")
                press("home", "\x1b[H", "t0")
                for order in ("worst F1", "largest loss", "fewest positives", "slowest"):
                    press("sort", "s", f"{order} first")
                press("sort", "s", "▾")
                press("state", "f", "only")
                press("end of filter", "\x1b", "▾", 0.6)
                # The cursor stands on the first letter of what the empty field says.
                press("filter", "/", "ext in id or name")
                press("filter", "c", "matching 'c'")
                press("filter", "1", "matching 'c1'")
                press("end of filter", "\x1b", "▾", 0.6)
                press("tab", "d", "best epoch")
                for _ in range(3):
                    terminal.send("d")
                    terminal.drain(0.3)
            # A lone escape waits 100 ms for the rest of a key, whatever the app does.
            escapes = times.pop("end of filter")
            every = [value for values in times.values() for value in values]
            parts = ", ".join(f"{what} {_both(values)}" for what, values in times.items())
            print(
                f"{categories:6,} categories: {_both(every)} ms over {len(every)} keys ({parts}); "
                f"escape {_both(escapes)}"
            )


def _both(values: Sequence[float]) -> str:
    """Median and 95th percentile."""
    highest = statistics.quantiles(values, n=20)[-1] if len(values) > 1 else values[0]
    return f"{statistics.median(values):.0f} / {highest:.0f}"


def cpu() -> None:
    """Share of a core while a run is watched, and while nothing happens."""
    for categories in SIZES:
        shares = []
        for writers in (WRITERS, 0):
            with watched(categories, writers=writers) as (terminal, _):
                terminal.drain(3.0)
                app = psutil.Process(terminal.process.pid)
                before = app.cpu_times()
                terminal.drain(WATCHED_SECONDS)
                after = app.cpu_times()
                used = after.user + after.system - before.user - before.system
                shares.append(used / WATCHED_SECONDS)
        print(
            f"{categories:6,} categories: watching {shares[0]:.1%}, idle {shares[1]:.1%} of a core"
        )


def memory() -> None:
    """Resident memory before and after a million rows of progress of the trial that is watched."""
    with watched(2_000, writers=0) as (terminal, database):
        store = Store(database)
        claim = _next(store, add_worker(store, 1, 0.0, "cpu"))
        terminal.drain(5.0)
        app = psutil.Process(terminal.process.pid)
        seen = [app.memory_info().rss / (1 << 20)]
        step = 20_000
        for start in range(0, MANY_ROWS, step):
            rows = [
                (claim.trial_id, 1 + n // 50_000, n % 50_000 + 1, 50_000, 1 / (1 + n), 400.0, 0.0)
                for n in range(start, start + step)
            ]
            with store.write():
                store.execute_many(
                    "INSERT INTO progress (trial_id, epoch, batch, batches, loss, "
                    "documents_per_second, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    rows,
                )
            terminal.drain(0.7)
            if (start + step) % (MANY_ROWS // 5) == 0:
                seen.append(app.memory_info().rss / (1 << 20))
        print(
            f"resident memory at 0, 20, 40, 60, 80, 100 % of {MANY_ROWS:,} rows: "
            + ", ".join(f"{size:.0f}" for size in seen)
            + " MiB"
        )


def start() -> None:
    """Seconds to be there, in turn with importing textual."""
    with tempfile.TemporaryDirectory() as name:
        workspace = Workspace(Path(name) / "workspace")
        workspace.create()
        store, _ = filled(workspace.root, 100)
        store.close()

        def run(*arguments: str) -> Callable[[], float]:
            def measure() -> float:
                began = time.perf_counter()
                environment = {**os.environ, "HTRANS_WORKSPACE": str(workspace.root)}
                subprocess.run(
                    [sys.executable, *arguments], env=environment, capture_output=True, check=True
                )
                return time.perf_counter() - began

            return measure

        def paint() -> float:
            began = time.perf_counter()
            terminal = Terminal(workspace.root)
            terminal.wait_for("htrans-tui")
            seconds = time.perf_counter() - began
            terminal.end()
            return seconds

        measures = {
            "import textual": run("-c", "import textual"),
            "import textual.app": run("-c", "import textual.app, textual.widgets"),
            "--help": run("-m", "htrans_tui", "--help"),
            "status": run("-m", "htrans_tui", "status"),
            "first paint": paint,
        }
        times: dict[str, list[float]] = {what: [] for what in measures}
        for _ in range(STARTS):
            for what, measure in measures.items():
                times[what].append(measure())
        base = statistics.median(times["import textual"])
        for what, values in times.items():
            median = statistics.median(values)
            print(f"{what}: {median:.2f} s, {median / base:.1f} times importing textual")


PARTS = {"keys": keys, "cpu": cpu, "memory": memory, "start": start}


def main(arguments: Sequence[str]) -> None:
    """Measure what is asked for."""
    if arguments and arguments[0] == "--write":
        write(Path(arguments[1]), 3_600.0)
        return
    for name in arguments or PARTS:
        print(f"-- {name}", flush=True)
        PARTS[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
