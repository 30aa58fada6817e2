"""Reuters-21578, distribution 1.0: SGML files or their archive.

Source of the format: README of the collection (David D. Lewis, 2004).
"""

from __future__ import annotations

import gzip
import html
import re
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Self

from core.corpus.documents import Document, Split, document_of
from core.errors import InputError
from core.formats.corpus.format import (
    CorpusFormat,
    Parse,
    ReadingOptions,
    Record,
    any_in,
    existing,
    names_in,
)
from core.text.plain_text import printable

_FILE = re.compile(r"reut2-\d{3}\.sgm")
_START = re.compile(r"<REUTERS[ >]")
_END = "</REUTERS>"
_ATTRIBUTE = re.compile(r'([A-Z]{1,20})="([^"]*)"')
_TOPIC = re.compile(r"<D>([^<]*)</D>")
_TAG = re.compile(r"<[^<>]*>")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_MODAPTE: dict[str, Split] = {"TRAIN": "train", "TEST": "test"}
_END_OF_TAR = bytes(1024)
_LARGEST_FILE = 64 * 2**20
"""Maximum bytes of a file; the files of the collection have about 1.3 MB."""
_LARGEST_ARCHIVE = 256 * 2**20
"""Maximum unpacked bytes; the archive of the collection has 28 MB."""
_LARGEST_HEADER = 4096
"""Maximum bytes before a member. `tarfile` would read and search more slowly."""
_LONGEST_TAG = 2000
_EXTENDED = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_SPARSE,
)


def records(source: str, _: ReadingOptions) -> Iterator[Record]:
    """Split the files of the collection into records.

    Raises `InputError` for a file without records or with a record that does not end.
    """
    found = False
    for name, content in _files(existing(source)):
        found = True
        yield from _records(name, content.decode("latin-1"))
    if not found:
        raise InputError("holds no file reut2-0NN.sgm; is it Reuters-21578?", source=source)


def parser(_: ReadingOptions) -> Parse:
    """Title and body as the text; the split is ModApte.

    Records with TOPICS="YES" and LEWISSPLIT "TRAIN" or "TEST" are in it, others are "unused".
    """
    return lambda content: _document(*content)


def recognises(source: str) -> bool:
    """By the names of the files, for an archive by its own."""
    name = Path(source).name
    if any_in(source, _is_one) or _is_one(source):
        return True
    return "reuters21578" in name.lower() and name.lower().endswith((".tar.gz", ".tgz", ".tar"))


def _is_one(source: str) -> bool:
    return bool(_FILE.fullmatch(Path(source).name))


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        if path.is_dir():
            for name in names_in(path):
                if _is_one(name):
                    yield name, _content(Path(name))
        elif path.suffix == ".sgm":
            yield str(path), _content(path)
        else:
            yield from _archived(path)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", source=path) from error


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(_LARGEST_FILE + 1)
    if len(content) > _LARGEST_FILE:
        raise InputError("too large for a file of Reuters-21578", source=path)
    return content


class _Member(tarfile.TarInfo):
    """A member of an archive whose header is not larger than it should be."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        made = super().frombuf(buf, encoding, errors)
        if made.type in _EXTENDED and not 0 <= made.size <= _LARGEST_HEADER:
            raise tarfile.ReadError(f"a header of {made.size} bytes")
        return made


class _Archive:
    """The bytes of a tar archive, gunzipped if need be, and whether its end was among them."""

    def __init__(self, file: BinaryIO | gzip.GzipFile) -> None:
        self._file = file
        self._tail = b""
        self._size = 0

    def read(self, size: int) -> bytes:
        content = self._file.read(size)
        self._size += len(content)
        if self._size > _LARGEST_ARCHIVE:
            raise tarfile.ReadError("too large for Reuters-21578")
        self._tail = (self._tail + content)[-len(_END_OF_TAR) :]
        return content

    def is_whole(self) -> bool:
        """Read what is left; a tar archive ends with two blocks of zeros."""
        while self.read(1 << 16):
            pass
        return self._tail == _END_OF_TAR


def _archived(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            stream = _Archive(gzip.GzipFile(fileobj=raw) if packed else raw)
            with tarfile.open(  # type: ignore[call-overload]
                fileobj=stream, mode="r|", tarinfo=_Member
            ) as archive:
                yield from _members(path, archive)
            if not stream.is_whole():
                raise InputError("the archive is cut off; fetch it again", source=path)
    except (tarfile.TarError, EOFError, zlib.error, ValueError, RecursionError) as error:
        raise InputError(
            f"not a whole tar archive ({printable(str(error))[:200]}); fetch it again", source=path
        ) from error


def _members(path: Path, archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for member in archive:
        name = Path(member.name).name
        if not member.isfile() or not _FILE.fullmatch(name):
            continue
        if member.size > _LARGEST_FILE:
            raise InputError(
                f"{member.size} bytes are too many for a file of Reuters-21578",
                source=path,
                record=name,
            )
        content = archive.extractfile(member)
        if content is not None:
            yield f"{path}, {name}", content.read()


def _records(name: str, content: str) -> Iterator[Record]:
    # Each search starts where the previous one ended, so the time is linear for any content.
    line, counted = 1, 0
    match = _START.search(content)
    if match is None:
        raise InputError("no Reuters-21578 record in it", source=name, line=1)
    while match is not None:
        start = match.start()
        line += content.count("\n", counted, start)
        counted = start
        following = _START.search(content, match.end())
        end = content.find(_END, start, following.start() if following else len(content))
        if end < 0:
            raise InputError("the record does not end with </REUTERS>", source=name, line=line)
        tag = content.find(">", start, min(end, start + _LONGEST_TAG))
        if tag < 0:
            raise InputError("the tag <REUTERS …> does not end", source=name, line=line)
        attributes = content[start + len("<REUTERS") : tag]
        yield Record((name, line, attributes, content[tag + 1 : end]), end - start)
        match = following


def _document(name: str, line: int, attributes: str, content: str) -> Document:
    values = dict(_ATTRIBUTE.findall(attributes))
    if "NEWID" not in values:
        raise InputError("a record without NEWID", source=name, line=line)
    split: Split = "unused"
    if values.get("TOPICS") == "YES":
        split = _MODAPTE.get(values.get("LEWISSPLIT", ""), "unused")
    labels = _TOPIC.findall(_inside(content, "<TOPICS>", "</TOPICS>") or "")
    location = f"{name}, line {line}"
    try:
        text = _text(content)
        plain = [label for topic in labels if (label := _plain(topic))]
    except ValueError as error:  # from html.unescape
        raise InputError("a character entity with too long a number", source=location) from error
    return document_of(location, values["NEWID"], text, plain, split)


def _text(content: str) -> str:
    title = _inside(content, "<TITLE>", "</TITLE>")
    body = _inside(content, "<BODY>", "</BODY>")
    if body is None:
        # Attributes of <TEXT …> become part of the first tag, which is removed with all others.
        whole = "<TEXT" + (_inside(content, "<TEXT", "</TEXT>") or ">")
        if title is not None:
            whole = whole.replace(f"<TITLE>{title}</TITLE>", "")
        body = _TAG.sub("", whole)
    parts = (_plain(title or ""), _plain(body))
    return "\n\n".join(part for part in parts if part)


def _inside(content: str, begin: str, end: str) -> str | None:
    """The text between two tags, None without them. A regular expression would be quadratic."""
    start = content.find(begin)
    stop = content.find(end, start) if start >= 0 else -1
    return None if stop < 0 else content[start + len(begin) : stop]


def _plain(text: str) -> str:
    return _CONTROL.sub("", html.unescape(text)).strip()


FORMAT = CorpusFormat(
    name="reuters21578",
    description="Reuters-21578: reuters21578.tar.gz or a folder of reut2-0NN.sgm, ModApte split",
    recognises=recognises,
    records=records,
    parser=parser,
)
