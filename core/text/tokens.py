"""Text to token ids: spaCy's tokenizer, a vocabulary, ragged arrays on disk."""

from __future__ import annotations

import json
import os
import shutil
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import accumulate, islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import numpy.typing as npt

from core.errors import CorruptFileError, HTransError
from core.files import replacing, write_bytes
from core.text.plain_text import without_surrogates

PADDING = 0
"""Token id of padding; its embedding is a row of zeros."""
UNKNOWN = 1
"""Token id of a word outside the vocabulary, and of a document without any token."""
_RESERVED = ("", "<unk>")
RESERVED = len(_RESERVED)
"""Token ids below this are no words."""
ALL_WORDS = 2**31 - 1
"""More words than any document has."""

Tokenize = Callable[[str, int], list[str]]
"""Text and the most words wanted, to lower-cased tokens."""


class LocatedToken(NamedTuple):
    """A lower-cased token and where it stands in the text: `text[start:end]`."""

    text: str
    start: int
    end: int


Locate = Callable[[str, int], list[LocatedToken]]
"""Text and the most words wanted, to tokens with their places."""


def blank_language(language: str) -> Any:
    """SpaCy's rules for a language (ISO 639 code), without any model."""
    import spacy

    try:
        return spacy.blank(language)
    except ImportError as error:
        reason = " ".join(str(error).split())
        if "[E048]" in reason:
            raise HTransError(
                f"spaCy has no tokenizer for the language {language!r}; use an ISO 639 code such "
                "as en"
            ) from error
        raise HTransError(
            f"spaCy's tokenizer for the language {language!r} needs another package: {reason}"
        ) from error


def _rules_of(language: str) -> Any:
    """SpaCy's tokenizer of a language, without what else it would find out of each new word."""
    from spacy.attrs import IS_SPACE

    nlp = blank_language(language)
    getters = nlp.vocab.lex_attr_getters
    nlp.vocab.lex_attr_getters = {IS_SPACE: getters[IS_SPACE]}
    return nlp.tokenizer


LONGEST_PIECE = 128
"""Characters without white space tokenised as one: spaCy's time grows as their square."""


def pieces(text: str, most: int = ALL_WORDS) -> list[str]:
    """The first `most` pieces of `text` between white space, longer ones than `LONGEST_PIECE` cut.

    Each has at least one token, whatever the language.
    """
    found: list[str] = []
    for piece in without_surrogates(text).split(None, most)[:most]:
        if len(piece) <= LONGEST_PIECE:
            found.append(piece)
        else:
            starts = range(0, len(piece), LONGEST_PIECE)
            found.extend(piece[start : start + LONGEST_PIECE] for start in starts)
        if len(found) >= most:
            break
    return found[:most]


def tokenizer_for(language: str) -> Tokenize:
    """SpaCy's rule-based tokenizer of a language (ISO 639 code); needs no model.

    White space is no token. Only as much of the text is tokenised as the tokens asked for need:
    spaCy cuts every piece between white space by itself, into at least one token.
    """
    rules = _rules_of(language)
    if not _cuts_pieces_alone(rules):
        return lambda text, max_words: _cut(rules, " ".join(pieces(text, max_words)))[:max_words]
    return _KnownPieces(language, rules)


def _cut(rules: Any, text: str) -> list[str]:
    return [token.text.lower() for token in rules(text) if not token.is_space]


def _cuts_pieces_alone(rules: Any) -> bool:
    """Whether a piece between white space has the same tokens whatever stands around it.

    Segmenters of languages without spaces look at whole sentences, and a rule may hold a space.
    """
    from spacy.tokenizer import Tokenizer

    return type(rules) is Tokenizer and all(len(rule.split()) < 2 for rule in rules.rules or ())


class _KnownPieces:
    """A tokenizer that remembers the tokens of pieces, found in a tenth of spaCy's time.

    SpaCy never forgets a word, so that it begins anew when so many pieces have come.
    """

    _MOST = 300_000

    def __init__(self, language: str, rules: Any) -> None:
        self._language = language
        self._rules = rules
        self._known: dict[str, list[str]] = {}

    def __call__(self, text: str, max_words: int) -> list[str]:
        wanted = pieces(text, max_words)
        known = self._known
        if len(known) >= self._MOST:
            known.clear()
            self._rules = _rules_of(self._language)
        if missing := [piece for piece in dict.fromkeys(wanted) if piece not in known]:
            self._learn(missing)
        tokens: list[str] = []
        for piece in wanted:
            tokens += known[piece]
            if len(tokens) >= max_words:
                break
        return tokens[:max_words]

    def _learn(self, missing: list[str]) -> None:
        ends = list(accumulate(len(piece) + 1 for piece in missing))
        found: list[list[str]] = [[] for _ in missing]
        for token in self._rules(" ".join(missing)):
            if not token.is_space:
                found[bisect_right(ends, token.idx)].append(token.text.lower())
        self._known.update(zip(missing, found, strict=True))


def locator_for(language: str) -> Locate:
    """Like `tokenizer_for`, with where each token stands in the text."""
    tokenizer = _rules_of(language)

    def locate(text: str, max_words: int) -> list[LocatedToken]:
        cut = pieces(text, max_words)
        # Lone surrogates have become one character each, so that places stay.
        readable = without_surrogates(text)
        inside: list[int] = []  # where each piece begins when all are joined
        outside: list[int] = []  # and where in the text
        length = end = 0
        for piece in cut:
            inside.append(length)
            outside.append(readable.index(piece, end))
            length += len(piece) + 1
            end = outside[-1] + len(piece)
        found: list[LocatedToken] = []
        for token in tokenizer(" ".join(cut)):
            if len(found) == max_words:
                break
            if not token.is_space:
                place = bisect_right(inside, token.idx) - 1
                start = outside[place] + token.idx - inside[place]
                found.append(LocatedToken(token.text.lower(), start, start + len(token.text)))
        return found

    return locate


class Vocabulary:
    """Words and their token ids; ids 0 and 1 are padding and unknown. No word is padding."""

    def __init__(self, words: Iterable[str] = ()) -> None:
        self._words = list(_RESERVED)
        self._ids: dict[str, int] = {"": PADDING}
        for word in words:
            self.add(word)

    def __len__(self) -> int:
        return len(self._words)

    def __iter__(self) -> Iterator[str]:
        """All words in the order of their ids, the reserved ones included."""
        return iter(self._words)

    def add(self, word: str) -> int:
        """The id of `word`, a new one if it has none yet."""
        token_id = self._ids.get(word)
        if token_id is None:
            token_id = len(self._words)
            self._ids[word] = token_id
            self._words.append(word)
        return token_id

    def encode(self, words: Iterable[str]) -> list[int]:
        """Ids of `words`, `UNKNOWN` where one is not in the vocabulary."""
        return [self._ids.get(word, UNKNOWN) for word in words]

    def save(self, path: Path) -> None:
        """Write the words as a JSON list."""
        write_bytes(path, json.dumps(self._words[len(_RESERVED) :], ensure_ascii=False).encode())

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """Read what `save` wrote; raise `CorruptFileError` for anything else."""
        try:
            words = word_list(json.loads(path.read_bytes()))
        except (OSError, ValueError) as error:
            raise CorruptFileError(f"{path}: not a vocabulary ({error})") from error
        return cls(words)


def word_list(value: object) -> list[str]:
    """`value` if it is a list of strings; raise `ValueError` otherwise."""
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise ValueError("not a list of words")
    return value


@dataclass(frozen=True, slots=True)
class TokensWritten:
    """How far a `TokenWriter` has come: numbers, and the bytes of its list of words."""

    documents: int = 0
    tokens: int = 0
    words: int = 0
    word_bytes: int = 0


class TokenWriter:
    """Appends documents to ragged token arrays; in memory are only the words."""

    def __init__(self, folder: Path, max_words: int, written: TokensWritten | None = None) -> None:
        """Begin anew, or go on where `sync` said; raise `CorruptFileError` if that is not there."""
        self._folder = folder
        self._max_words = max_words
        self.vocabulary = Vocabulary()
        folder.mkdir(parents=True, exist_ok=True)
        self._written = written or TokensWritten()
        with ExitStack() as opened:
            self._tokens, self._ends, self._words = (
                opened.enter_context(self._opened(f"{name}.partial", size))
                for name, size in (
                    ("tokens.bin", 4 * self._written.tokens),
                    ("ends.bin", 8 * self._written.documents),
                    ("words.jsonl", self._written.word_bytes),
                )
            )
            self._read_words()
            self._files = opened.pop_all()

    def add(self, tokens: Iterable[str]) -> None:
        """Append the tokens of the next document, at most `max_words` of them."""
        words = list(islice(tokens, self._max_words))
        distinct = {word: place for place, word in enumerate(dict.fromkeys(words))}
        places = np.asarray([distinct[word] for word in words], dtype=np.int32)
        self.add_all(list(distinct), places, [len(words)])

    def add_all(
        self, words: Sequence[str], places: npt.NDArray[np.int32], lengths: Sequence[int]
    ) -> None:
        """Append documents with these numbers of tokens, given by their places in `words`.

        A document without any has the one token `UNKNOWN`.
        """
        before = len(self.vocabulary)
        ids = np.asarray([self.vocabulary.add(word) for word in words], dtype=np.int32)
        tokens = ids[places] if len(ids) else np.zeros(0, dtype=np.int32)
        empty = np.flatnonzero(np.asarray(lengths) == 0)
        if len(empty):
            starts = np.concatenate([[0], np.cumsum(lengths)])[empty]
            tokens = np.insert(tokens, starts, UNKNOWN)
        ends = np.cumsum(np.maximum(lengths, 1), dtype=np.int64) + self._written.tokens
        new = "".join(
            json.dumps(word) + "\n" for word in islice(self.vocabulary, before, None)
        ).encode()
        self._tokens.write(tokens.astype(np.int32).tobytes())
        self._ends.write(ends.tobytes())
        self._words.write(new)
        self._written = TokensWritten(
            self._written.documents + len(lengths),
            self._written.tokens + len(tokens),
            len(self.vocabulary) - RESERVED,
            self._written.word_bytes + len(new),
        )

    def sync(self) -> TokensWritten:
        """Write all to disk; a writer that is given what this returns goes on from here."""
        for file in (self._tokens, self._ends, self._words):
            file.flush()
            os.fsync(file.fileno())
        return self._written

    def finish(self) -> None:
        """Write everything to disk under the final names."""
        self.publish()
        self.remove_partial_files()

    def publish(self) -> None:
        """Like `finish`, but what a writer would go on from is still there."""
        self.sync()
        self.close()
        with replacing(self._folder / "tokens.bin") as temporary:
            temporary.unlink(missing_ok=True)
            _link(Path(self._tokens.name), temporary)
        ends = np.fromfile(self._ends.name, dtype=np.int64)
        with replacing(self._folder / "offsets.npy") as temporary, temporary.open("wb") as file:
            np.save(file, np.concatenate([np.zeros(1, dtype=np.int64), ends]))
        self.vocabulary.save(self._folder / "vocabulary.json")

    def remove_partial_files(self) -> None:
        """Remove what is not needed once all is published."""
        for file in (self._tokens, self._ends, self._words):
            Path(file.name).unlink(missing_ok=True)

    def close(self) -> None:
        """Close without finishing; the caller removes the folder."""
        self._files.close()

    def _opened(self, name: str, size: int) -> BinaryIO:
        path = self._folder / name
        if not size:
            return path.open("w+b")
        try:
            file = path.open("r+b")
        except OSError as error:
            raise CorruptFileError(f"{path}: cannot be read ({error.strerror})") from error
        if file.seek(0, os.SEEK_END) < size:
            file.close()
            raise CorruptFileError(f"{path}: shorter than it was")
        file.truncate(size)
        file.seek(size)
        return file

    def _read_words(self) -> None:
        self._words.seek(0)
        try:
            for line in self._words:
                self.vocabulary.add(json.loads(line))
        except ValueError as error:
            raise CorruptFileError(f"{self._words.name}: not a list of words") from error
        if len(self.vocabulary) - RESERVED != self._written.words:
            raise CorruptFileError(f"{self._words.name}: not the words that it had")


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)


@dataclass(frozen=True, slots=True)
class TokenArrays:
    """The tokens of a corpus, memory-mapped.

    `tokens` is flat, int32; document i has `tokens[offsets[i]:offsets[i + 1]]`, never none.
    """

    tokens: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]

    @classmethod
    def open(cls, folder: Path) -> TokenArrays:
        """Map the arrays that `TokenWriter` wrote; raise `CorruptFileError` if they do not fit."""
        try:
            offsets = np.load(folder / "offsets.npy", mmap_mode="r", allow_pickle=False)
            tokens = np.memmap(folder / "tokens.bin", dtype=np.int32, mode="r")
        except (OSError, ValueError, EOFError) as error:
            raise CorruptFileError(f"{folder}: no readable token arrays ({error})") from error
        fits = offsets.ndim == 1 and len(offsets) > 0 and len(tokens) == offsets[-1]
        if not fits or (np.diff(offsets) < 1).any():
            raise CorruptFileError(f"{folder}: tokens.bin and offsets.npy do not belong together")
        return cls(tokens, offsets)

    @classmethod
    def of(cls, documents: Iterable[list[int]]) -> TokenArrays:
        """The same arrays in memory, from the token ids of each document."""
        rows = [ids or [UNKNOWN] for ids in documents]
        offsets = np.cumsum([0, *(len(row) for row in rows)]).astype(np.int64)
        flat = [token for row in rows for token in row]
        return cls(np.asarray(flat, dtype=np.int32), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def lengths(self, rows: npt.NDArray[np.int64], max_words: int) -> npt.NDArray[np.int64]:
        """Words of each document in `rows`, at most `max_words`. Shape (rows,)."""
        counts: npt.NDArray[np.int64] = self.offsets[rows + 1] - self.offsets[rows]
        return np.minimum(counts, max_words)

    def batch(
        self, rows: npt.NDArray[np.int64], max_words: int
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Token ids (batch, time), padded with `PADDING`, and lengths (batch,).

        `time` is the longest length among `rows`.
        """
        lengths = self.lengths(rows, max_words)
        positions = np.arange(lengths.max(initial=1))
        inside = positions < lengths[:, None]
        index = np.where(inside, self.offsets[rows][:, None] + positions, 0)
        ids = np.where(inside, self.tokens[index], PADDING).astype(np.int64)
        return ids, lengths
