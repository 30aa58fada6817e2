"""Reuters Corpus Volume 1: zip archives or folders of `<id>newsML.xml`.

Source of the format: the NewsML files as NIST distributes them; Lewis et al., JMLR 5 (2004), for
the split by id. Only codes of the class `bip:topics:1.0` are topics.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from core.corpus.documents import document_of
from core.errors import InputError
from core.formats.corpus.format import (
    CorpusFormat,
    Parse,
    ReadingOptions,
    Record,
    any_in,
    date_of,
    existing,
    folders_of,
    is_file,
    names_in,
)
from core.formats.corpus.lyrl2004 import lyrl_split
from core.formats.corpus.sniffing import beginning
from core.text.line_files import first_bytes, naming
from core.text.plain_text import printable

TOPICS = "bip:topics:1.0"
_NAME = re.compile(r"(?:.*[/\\])?[0-9]+newsML\.xml", re.IGNORECASE | re.DOTALL)
_NUMBER = re.compile("[0-9]{1,18}")
_MAX_BYTES = 16 * 2**20
"""Maximum bytes of a newsitem; the real ones have a few thousand."""
_NOT_ZIP = "not a whole zip archive"


def parts(source: str) -> list[str]:
    """The archives of a folder and the folders in which newsitems lie, in the order of names."""
    path = existing(source)
    if not path.is_dir():
        return [source]
    found = []
    for folder, files in folders_of(path):
        if any(map(_is_newsitem, files)):
            found.append(folder)
        found += [name for name in files if _may_hold_newsitems(name)]
    if not found:
        raise InputError("no archive or file of newsitems in this folder", source=path)
    return found


def records(source: str, _: ReadingOptions) -> Iterator[Record]:
    """List the newsitems of an archive or a folder without reading them; or a single one."""
    path = existing(source)
    if path.is_dir():
        for name in sorted(filter(_is_newsitem, names_in(path)), key=_order):
            yield Record((None, name), _size(name))
    elif not _is_zip(source):
        yield Record((None, source), _size(source))
    else:
        members = _members(source)
        if not members:
            raise InputError("no <id>newsML.xml in this archive; is it RCV1?", source=path)
        for member in sorted(members, key=lambda m: _order(m.filename)):
            yield Record((source, member.filename), min(member.file_size, _MAX_BYTES))


def parser(_: ReadingOptions) -> Parse:
    """Read a newsitem from its archive or file: headline and paragraphs, topics, date."""
    archives: dict[str, zipfile.ZipFile] = {}

    def parse(content: tuple[str | None, str]) -> Any:
        container, name = content
        if container is None:
            return _document(first_bytes(Path(name), _MAX_BYTES + 1), name)
        if container not in archives:
            for archive in archives.values():
                archive.close()
            archives.clear()
            with naming(container, _NOT_ZIP):
                archives[container] = zipfile.ZipFile(container)
        location = f"{container}, {printable(name)}"
        with naming(location, "cannot be unpacked"), archives[container].open(name) as member:
            unpacked = member.read(_MAX_BYTES + 1)
        return _document(unpacked, location)

    return parse


def _document(content: bytes, location: str) -> Any:
    # Imported here: defusedxml loads a second copy of ElementTree.
    from defusedxml.ElementTree import ParseError, fromstring

    if len(content) > _MAX_BYTES:
        raise InputError(f"more than {_MAX_BYTES // 2**20} MiB are no newsitem", source=location)
    with naming(location, "no readable newsitem"):
        try:
            root = fromstring(content)
        except ParseError as error:
            raise InputError(
                f"no readable XML ({error}); fetch the file again",
                source=location,
                line=error.position[0],
            ) from error
    item = next(root.iter("newsitem"), root)
    number = item.get("itemid", "")
    if item.tag != "newsitem" or not _NUMBER.fullmatch(number):
        raise InputError("no element <newsitem> with a number as itemid", source=location)
    head = _text(item.find(".//headline")) or _text(item.find(".//title"))
    lines = "\n".join(_text(paragraph) for paragraph in item.iterfind(".//text//p")).split("\n")
    body = "\n".join(line.strip() for line in lines if line.strip())
    codes = item.iterfind(f".//codes[@class='{TOPICS}']//code")
    return document_of(
        location,
        number,
        "\n\n".join(part for part in (head, body) if part),
        [topic for code in codes if (topic := code.get("code", "")).strip()],
        lyrl_split(int(number)),
        date_of(item.get("date"), location),
    )


def _text(element: Element | None) -> str:
    return "" if element is None else "".join(element.itertext()).strip()


def _members(source: str) -> list[zipfile.ZipInfo]:
    with naming(source, _NOT_ZIP), zipfile.ZipFile(source) as archive:
        return [member for member in archive.infolist() if _NAME.fullmatch(member.filename)]


def _size(name: str) -> int:
    with naming(name, "cannot be read"):
        return min(Path(name).stat().st_size, _MAX_BYTES)


def _order(name: str) -> tuple[int, str]:
    """Sort key of newsitems: their number."""
    digits = re.match("[0-9]{0,18}", re.split(r"[/\\]", name)[-1])
    return int(digits[0] if digits and digits[0] else 0), name


def _is_newsitem(source: str) -> bool:
    return bool(_NAME.fullmatch(source)) and is_file(source)


def _is_zip(source: str) -> bool:
    return source.lower().endswith(".zip")


def _is_archive(source: str) -> bool:
    try:
        return _is_zip(source) and is_file(source) and bool(_members(source))
    except InputError:
        return False


def _may_hold_newsitems(source: str) -> bool:
    """An archive that cannot be read is not passed over: the error comes when it is its turn."""
    try:
        return _is_zip(source) and bool(_members(source))
    except InputError:
        return True


def recognises(source: str) -> bool:
    """By the names of newsitems in an archive or folder, or by the first element of a file."""
    if source.lower().endswith(".xml"):
        return b"<newsitem" in beginning(source, 4096)
    return _is_archive(source) or any_in(
        source,
        lambda name: (
            _is_newsitem(name)
            or _is_archive(name)
            or any_in(name, lambda inner: _is_newsitem(inner) or _is_archive(inner))
        ),
    )


FORMAT = CorpusFormat(
    name="rcv1-xml",
    description="Reuters Corpus Volume 1: zip archives or folders of <id>newsML.xml",
    recognises=recognises,
    records=records,
    parser=parser,
    parts=parts,
)
