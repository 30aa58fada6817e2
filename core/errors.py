"""Every error that a user can cause or must hear of, under one base class."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


class HTransError(Exception):
    """One line that names what is wrong and says what to do next."""

    def __reduce__(self) -> tuple[Callable[..., HTransError], tuple[object, ...]]:
        # Errors cross from one process to another; what they were made of stays behind.
        return _again, (type(self), str(self))


class InputError(HTransError):
    """A file or record that is not what it should be.

    `line` counts from 1; `record` names what has no line number (a record id, an archive member).
    """

    def __init__(
        self,
        problem: str,
        *,
        source: str | Path,
        line: int | None = None,
        record: str | None = None,
    ) -> None:
        place = str(source)
        if record is not None:
            place += f", {record}"
        if line is not None:
            place += f", line {line}"
        super().__init__(f"{place}: {problem}")


class TaxonomyError(HTransError):
    """A set of categories that is no forest: a cycle, a second parent, a missing parent."""


class NotFoundError(HTransError):
    """A corpus, run, category or vector table that does not exist under the given name."""


class ConflictError(HTransError):
    """What was asked for does not fit the present state: a name in use, a run that has ended."""


class CorruptFileError(HTransError):
    """A model, checkpoint or array on disk that cannot be what the database says it is."""


class TrainingError(HTransError):
    """A training that cannot go on, for example because its loss is not finite."""


class InterruptedWorkError(HTransError):
    """Work that was stopped from outside; what is done is kept, and the same command goes on."""


def _again(kind: type[HTransError], message: str) -> HTransError:
    error = kind.__new__(kind)
    error.args = (message,)
    return error
