"""A process pool whose workers stop at once with the pool or with its process."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
Result = TypeVar("Result")


class ProcessPool:
    """A `ProcessPoolExecutor` that leaves no process behind.

    Leaving the `with` block stops the workers, also in the middle of a task. Workers ignore Ctrl-C:
    the process that owns the pool handles it. They also stop if that process is killed.
    """

    def __init__(
        self,
        processes: int,
        context: BaseContext,
        initializer: Callable[..., None],
        *arguments: Any,
    ) -> None:
        """Prepare a pool; `submit` starts its workers.

        Args:
            processes: Maximum number of workers.
            context: Start method, "spawn" or "forkserver".
            initializer: Called with `arguments` in each worker before its first task.
            arguments: Picklable arguments of `initializer`.
        """
        self._alive, self._lifeline = context.Pipe(duplex=False)
        self._executor = ProcessPoolExecutor(
            processes, context, _start_worker, (self._alive, initializer, arguments)
        )

    def __enter__(self) -> ProcessPool:
        return self

    def __exit__(self, *_: object) -> None:
        self._lifeline.close()
        self._executor.shutdown(wait=True, cancel_futures=True)
        self._alive.close()

    def submit(
        self, function: Callable[P, Result], *args: P.args, **kwargs: P.kwargs
    ) -> Future[Result]:
        """Run a function in a worker; raise `BrokenProcessPool` if a worker was killed."""
        # A worker inherits the mask, so Ctrl-C does not hit it before it ignores the signal.
        masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return self._executor.submit(function, *args, **kwargs)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, masked)


def _start_worker(
    lifeline: Connection, initializer: Callable[..., None], arguments: tuple[Any, ...]
) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_stop_with, args=(lifeline,), daemon=True).start()
    initializer(*arguments)


def _stop_with(lifeline: Connection) -> None:
    wait([lifeline])
    os._exit(1)
