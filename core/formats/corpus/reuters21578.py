"""Reuters-21578, distribution 1.0: SGML files or their archive.

Source of the format: README of the collection (David D. Lewis, 2004).
"""

from __future__ import annotations

import html
import re
import tarfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

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
from core.text.line_files import first_bytes, naming

_FILE = re.compile(r"reut2-\d{3}\.sgm")
_START = re.compile(r"<REUTERS[ >]")
_END = "</REUTERS>"
_ATTRIBUTE = re.compile(r'([A-Z]{1,20})="([^"]*)"')
_TOPIC = re.compile(r"<D>([^<]*)</D>")
_TAG = re.compile(r"<[^<>]*>")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_MODAPTE: dict[str, Split] = {"TRAIN": "train", "TEST": "test"}
_MAX_FILE_BYTES = 64 * 2**20
"""Maximum bytes of an SGML file; the files of the collection have about 1.3 MB."""


def records(source: str, _: ReadingOptions) -> Iterator[Record]:
    """Split the files of the collection into records.

    Raises `InputError` for a file without records or with a record that does not end.
    """
    found = False
    for name, content in _files(existing(source)):
        found = True
        if len(content) > _MAX_FILE_BYTES:
            raise InputError("too large for a file of Reuters-21578", source=name)
        yield from _records(name, content.decode("latin-1"))
    if not found:
        raise InputError("contains no file reut2-0NN.sgm; is it Reuters-21578?", source=source)


def parser(_: ReadingOptions) -> Parse:
    """Return the parser. The text is title and body, the split is ModApte.

    Records with TOPICS="YES" and LEWISSPLIT "TRAIN" or "TEST" are in it, others are "unused".
    """
    return lambda content: _document(*content)


def recognises(source: str) -> bool:
    """Recognise the names of the files, or the name of their archive."""
    if any_in(source, _is_one) or _is_one(source):
        return True
    name = Path(source).name.lower()
    return "reuters21578" in name and name.endswith((".tar.gz", ".tgz", ".tar"))


def _is_one(source: str) -> bool:
    return bool(_FILE.fullmatch(Path(source).name))


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the SGML files. At most one byte more than allowed is read."""
    if path.is_dir():
        for name in filter(_is_one, names_in(path)):
            yield name, first_bytes(Path(name), _MAX_FILE_BYTES + 1)
    elif path.suffix == ".sgm":
        yield str(path), first_bytes(path, _MAX_FILE_BYTES + 1)
    else:
        yield from _archived(path)


def _archived(path: Path) -> Iterator[tuple[str, bytes]]:
    with naming(path, "not a whole tar archive"), tarfile.open(path) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            if file is not None and _is_one(member.name):
                yield f"{path}, {Path(member.name).name}", file.read(_MAX_FILE_BYTES + 1)
        # tarfile accepts an archive that is cut off between two members. The checksum of gzip is
        # only verified at the end of the file.
        assert archive.fileobj is not None
        archive.fileobj.seek(archive.offset)
        if not archive.fileobj.read(_MAX_FILE_BYTES).startswith(bytes(tarfile.BLOCKSIZE)):
            raise tarfile.ReadError("it is cut off")


def _records(name: str, content: str) -> Iterator[Record]:
    starts = [match.start() for match in _START.finditer(content)]
    if not starts:
        raise InputError("no Reuters-21578 record in it", source=name, line=1)
    line = 1 + content.count("\n", 0, starts[0])
    for start, following in pairwise([*starts, len(content)]):
        record, ended, _ = content[start:following].partition(_END)
        if not ended:
            raise InputError(f"the record does not end with {_END}", source=name, line=line)
        tag, _, inside = record.partition(">")
        yield Record((name, line, tag, inside), len(record))
        line += content.count("\n", start, following)


def _document(name: str, line: int, tag: str, content: str) -> Document:
    values = dict(_ATTRIBUTE.findall(tag))
    if "NEWID" not in values:
        raise InputError("a record without NEWID", source=name, line=line)
    split: Split = "unused"
    if values.get("TOPICS") == "YES":
        split = _MODAPTE.get(values.get("LEWISSPLIT", ""), "unused")
    labels = _TOPIC.findall(_inside(content, "<TOPICS>", "</TOPICS>") or "")
    location = f"{name}, line {line}"
    plain = [label for topic in labels if (label := _plain(topic))]
    return document_of(location, values["NEWID"], _text(content), plain, split)


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
