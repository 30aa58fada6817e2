"""Vocabulary: words and their token ids."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from core.errors import CorruptFileError
from core.files import write_bytes

PADDING = 0
"""Token id of padding; its embedding is a zero vector."""
UNKNOWN = 1
"""Token id of out-of-vocabulary words, and the only token of an empty document."""
_RESERVED = ("", "<unk>")
RESERVED = len(_RESERVED)
"""Number of reserved token ids. Words have ids from this value."""


class Vocabulary:
    """Words and their token ids. Ids 0 and 1 are reserved for padding and unknown words."""

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._words = list(_RESERVED)
        self._ids: dict[str, int] = {"": PADDING}
        for word in words:
            self.add(word)

    def __len__(self) -> int:
        return len(self._words)

    def __iter__(self) -> Iterator[str]:
        """Iterate over all words in the order of their ids, including the reserved ones."""
        return iter(self._words)

    def add(self, word: str) -> int:
        """Return the id of `word`; assign a new id if it has none."""
        token_id = self._ids.get(word)
        if token_id is None:
            token_id = len(self._words)
            self._ids[word] = token_id
            self._words.append(word)
        return token_id

    def encode(self, words: Iterable[str]) -> list[int]:
        """Ids of `words`; `UNKNOWN` for words outside the vocabulary."""
        return [self._ids.get(word, UNKNOWN) for word in words]

    def save(self, path: Path) -> None:
        """Write the words as a JSON list."""
        write_bytes(path, json.dumps(self._words[len(_RESERVED) :], ensure_ascii=False).encode())

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """Load a file written by `save`; raise `CorruptFileError` for any other content."""
        try:
            words = word_list(json.loads(path.read_bytes()))
        except (OSError, ValueError) as error:
            raise CorruptFileError(f"{path}: not a vocabulary ({error})") from error
        return cls(words)


def word_list(value: object) -> list[str]:
    """Check that `value` is a list of strings; raise `ValueError` otherwise."""
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise ValueError("not a list of words")
    return value
