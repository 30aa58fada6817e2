"""Exceptions that are reported to the user, under one base class."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


class HTransError(Exception):
    """Base class. The message is one line: what is wrong, where, and what to do."""

    def __reduce__(self) -> tuple[Callable[..., HTransError], tuple[object, ...]]:
        # Errors are sent between processes. Only the message is pickled, not the arguments.
        return _rebuild, (type(self), str(self))


class InputError(HTransError):
    """Invalid input file or record.

    `line` counts from 1. `record` identifies input without line numbers, such as a record id or an
    archive member.
    """

    def __init__(
        self,
        problem: str,
        *,
        source: str | Path,
        line: int | None = None,
        record: str | None = None,
    ) -> None:
        location = str(source)
        if record is not None:
            location += f", {record}"
        if line is not None:
            location += f", line {line}"
        super().__init__(f"{location}: {problem}")


class TaxonomyError(HTransError):
    """Categories that do not form a forest: a cycle, a second parent, a missing parent."""


class NotFoundError(HTransError):
    """Unknown name of a corpus, run, category or vector table."""


class ConflictError(HTransError):
    """Request that conflicts with the current state: a name in use, a run that has ended."""


class CorruptFileError(HTransError):
    """Model, checkpoint or array file that is damaged or does not match the database."""


class TrainingError(HTransError):
    """Training failed, for example because the loss is not finite."""


class InterruptedWorkError(HTransError):
    """Work was interrupted. Finished work is kept, and the same command resumes it."""


def _rebuild(kind: type[HTransError], message: str) -> HTransError:
    error = kind.__new__(kind)
    error.args = (message,)
    return error
