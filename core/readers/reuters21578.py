"""Reuters-21578, distribution 1.0: SGML files, or the archive that they come in.

Source of the format: the README that the collection is distributed with (David D. Lewis, 2004).
"""

from __future__ import annotations

import gzip
import html
import re
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from core.documents import Document, Split, document_of
from core.errors import InputError
from core.readers.format import CorpusFormat, Parse, ReadingOptions, Record, existing

_FILE = re.compile(r"^reut2-\d{3}\.sgm$")
_RECORD = re.compile(r"<REUTERS(?P<attributes>[^>]*)>(?P<content>.*?)</REUTERS>", re.DOTALL)
_START = re.compile(r"<REUTERS[ >]")
_ATTRIBUTE = re.compile(r'([A-Z]+)="([^"]*)"')
_TOPICS = re.compile(r"<TOPICS>(.*?)</TOPICS>", re.DOTALL)
_TOPIC = re.compile(r"<D>(.*?)</D>", re.DOTALL)
_TITLE = re.compile(r"<TITLE>(.*?)</TITLE>", re.DOTALL)
_BODY = re.compile(r"<BODY>(.*?)</BODY>", re.DOTALL)
_TEXT = re.compile(r"<TEXT[^>]*>(.*?)</TEXT>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_MODAPTE: dict[str, Split] = {"TRAIN": "train", "TEST": "test"}
_END_OF_TAR = bytes(1024)
_LARGEST_FILE = 64 * 1024 * 1024  # bytes; the real ones have about 1.3 MB


def records(source: str, _: ReadingOptions) -> Iterator[Record]:
    """Cut the files of the collection into records.

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
    path = Path(source)
    if path.is_dir():
        return any(_FILE.match(child.name) for child in path.iterdir())
    return bool(_FILE.match(path.name)) or (
        "reuters21578" in path.name.lower() and path.name.endswith((".tar.gz", ".tgz", ".tar"))
    )


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        if path.is_dir():
            for file in sorted(path.iterdir()):
                if _FILE.match(file.name):
                    yield str(file), file.read_bytes()
        elif path.suffix == ".sgm":
            yield str(path), path.read_bytes()
        else:
            yield from _archived(path)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", source=path) from error


class _Archive:
    """The bytes of a tar archive, gunzipped if need be, and whether its end was among them."""

    def __init__(self, file: BinaryIO | gzip.GzipFile) -> None:
        self._file = file
        self._tail = b""

    def read(self, size: int) -> bytes:
        content = self._file.read(size)
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
            with tarfile.open(fileobj=stream, mode="r|") as archive:  # type: ignore[call-overload]
                yield from _members(path, archive)
            if not stream.is_whole():
                raise InputError("the archive is cut off; fetch it again", source=path)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise InputError(
            f"not a whole tar archive ({error}); fetch it again", source=path
        ) from error


def _members(path: Path, archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for member in archive:
        name = Path(member.name).name
        if not member.isfile() or not _FILE.match(name):
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
    line, counted, ended = 1, 0, 0
    for match in _RECORD.finditer(content):
        line += content.count("\n", counted, match.start())
        counted = match.start()
        if _START.search(match["content"]):
            raise InputError("the record does not end with </REUTERS>", source=name, line=line)
        yield Record((name, line, match["attributes"], match["content"]), len(match[0]))
        ended = match.end()
    if unended := _START.search(content, ended):
        line = content.count("\n", 0, unended.start()) + 1
        raise InputError("the record does not end with </REUTERS>", source=name, line=line)
    if not ended:
        raise InputError("no Reuters-21578 record in it", source=name, line=1)


def _document(name: str, line: int, attributes: str, content: str) -> Document:
    values = dict(_ATTRIBUTE.findall(attributes))
    if "NEWID" not in values:
        raise InputError("a record without NEWID", source=name, line=line)
    split: Split = "unused"
    if values.get("TOPICS") == "YES":
        split = _MODAPTE.get(values.get("LEWISSPLIT", ""), "unused")
    topics = _TOPICS.search(content)
    labels = _TOPIC.findall(topics[1]) if topics else []
    place = f"{name}, line {line}"
    plain = [label for topic in labels if (label := _plain(topic))]
    return document_of(place, values["NEWID"], _text(content), plain, split)


def _text(content: str) -> str:
    title, body = _TITLE.search(content), _BODY.search(content)
    parts = [_plain(part[1]) for part in (title, body) if part]
    if not body and (whole := _TEXT.search(content)):
        without_title = _TITLE.sub("", whole[1])
        parts.append(_plain(_TAG.sub("", without_title)))
    return "\n\n".join(part for part in parts if part)


def _plain(text: str) -> str:
    return _CONTROL.sub("", html.unescape(text)).strip()


FORMAT = CorpusFormat(
    name="reuters21578",
    description="Reuters-21578: reuters21578.tar.gz or a folder of reut2-0NN.sgm, ModApte split",
    recognises=recognises,
    records=records,
    parser=parser,
)
