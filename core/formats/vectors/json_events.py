"""A JSON file as a stream of events, in bounded memory whatever it holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import IO, Any

from core.formats.vectors.format import Place, label

Event = tuple[str, Any]
"""What ijson calls it (`start_map`, `map_key`, `number`, …) and its value."""
END: Event = ("end", None)
_LONGEST = 2**20
"""Bytes between two events that are asked for; a longer text or number is not read."""


class JsonEvents:
    """The events of a JSON file (ijson, basic_parse), asked for one by one or some at once."""

    def __init__(self, file: IO[bytes], place: Place) -> None:
        import ijson

        self.place = place
        self._file = file
        self._unanswered = 0
        self._events: Iterator[Event] = ijson.basic_parse(self, use_float=True)

    def read(self, size: int = -1) -> bytes:
        """Bytes for the parser; raise `InputError` when many have brought no event."""
        if self._unanswered > _LONGEST:
            raise self.place.wrong(f"a value in it is longer than {_LONGEST:,} bytes")
        data = self._file.read(size)
        self._unanswered += len(data)
        return data

    def next(self) -> Event:
        """The next event, `END` after the last."""
        self._unanswered = 0
        return next(self._events, END)

    def take(self, count: int) -> tuple[tuple[str, ...], tuple[Any, ...]]:
        """What the next `count` events are called, fewer at the end, and their values."""
        self._unanswered = 0
        events = list(islice(self._events, count))
        names, values = zip(*events, strict=True) if events else ((), ())
        return names, values

    def skip(self, event: str) -> None:
        """Pass over the value whose first event this was."""
        depth = int(event in _OPENING)
        while depth:
            event, _ = self.next()
            if event == END[0]:
                return
            depth += (event in _OPENING) - (event in _CLOSING)


_OPENING = ("start_map", "start_array")
_CLOSING = ("end_map", "end_array")


@contextmanager
def json_events(file: IO[bytes], place: Place) -> Iterator[JsonEvents]:
    """The events of a file; raise `InputError` where it is not JSON."""
    import ijson

    try:
        yield JsonEvents(file, place)
    except (ijson.JSONError, ValueError, OverflowError) as error:
        raise place.wrong(f"not JSON ({_said(error)}); fetch it again") from error


def _said(error: Exception) -> str:
    """What the parser says, without the piece of the file that it shows below."""
    said = error.args[0] if error.args else error
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(error)
    return label((text.strip().splitlines() or ["damaged"])[0].strip())
