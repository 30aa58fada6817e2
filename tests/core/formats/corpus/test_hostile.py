"""Sources that are made to exhaust memory, time or a terminal; each reader runs in bounds."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from core.errors import HTransError, InputError
from core.formats.corpus import FORMATS
from core.formats.corpus.format import ReadingOptions
from core.formats.corpus.jsonl import FORMAT as JSONL
from core.text.plain_text import printable

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MIB = 2**20
GIB = 2**30
LINES = {
    "jsonl": "corpus.jsonl",
    "neuralclassifier": "corpus.json",
    "csv": "corpus.csv",
    "tsv": "corpus.tsv",
    "lyrl2004": "tokens.dat",
}
"""The formats that are read line by line, with a file's name."""

_READ = """
import resource, sys
import psutil
from core.errors import HTransError
from core.formats.corpus import FORMATS, guess_format
from core.formats.corpus.format import ReadingOptions

most = psutil.Process().memory_info().vms + int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_AS, (most, most))
for name, source in zip(sys.argv[1::2], sys.argv[2::2]):
    try:
        guess_format(source)
    except HTransError:
        pass
    try:
        for document in FORMATS[name].read(source):
            pass
        print("read to the end")
    except HTransError as error:
        print(str(error))
"""


def read_elsewhere(*sources: tuple[str, Path]) -> list[str]:
    """What is said of each source by a process that cannot have 400 MiB of memory for it."""
    given = [part for name, source in sources for part in (name, str(source))]
    result = subprocess.run(
        [sys.executable, "-c", _READ, str(400 * MIB), *given],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stderr
    said = result.stdout.splitlines()
    assert len(said) == len(sources)
    return said


def prefix(name: str) -> bytes:
    """How a file of the format may begin before something without an end."""
    return {
        "jsonl": b'{"text": "',
        "neuralclassifier": b'{"doc_label": [], "doc_token": ["',
        "lyrl2004": b".I 5\n.W\n",
    }.get(name, b'"')


@pytest.mark.slow
def test_line_of_a_gigabyte_is_refused_in_bounds(tmp_path: Path) -> None:
    (tmp_path / "topics.qrels").write_text("ECAT 5 1\n")
    sources = []
    for name, file in LINES.items():
        path = tmp_path / file
        path.write_bytes(prefix(name))
        with path.open("r+b") as opened:
            opened.truncate(4 * GIB)
        sources.append((name, path))
    said = read_elsewhere(*sources)
    for (_, path), line in zip(sources, said, strict=True):
        assert line.startswith(str(path))
        assert "64 MiB" in line


def bomb(path: Path, begin: bytes, times: int = 1024) -> Path:
    """A packed file of a GiB of one line; of the same MiB `times` times."""
    more = b"x" * MIB
    if path.suffix == ".gz":
        # Members one after the other are one file, so that it is made in no time.
        path.write_bytes(gzip.compress(begin) + gzip.compress(more) * times)
    else:
        path.write_bytes(zstd.compress(begin) + zstd.compress(more) * times)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("ending", [".gz", ".zst"])
def test_packed_gigabyte_of_one_line_is_refused_in_bounds(tmp_path: Path, ending: str) -> None:
    (tmp_path / "topics.qrels").write_text("ECAT 5 1\n")
    sources = [
        (name, bomb(tmp_path / f"{file}{ending}", prefix(name))) for name, file in LINES.items()
    ]
    assert all(path.stat().st_size < 2 * MIB for _, path in sources)
    said = read_elsewhere(*sources)
    for (_, path), line in zip(sources, said, strict=True):
        assert line.startswith(str(path))
        assert "64 MiB" in line


def test_label_files_that_unpack_without_end_are_refused(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.dat"
    tokens.write_bytes(b".I 5\n.W\ntide\n")
    table = tmp_path / "corpus.csv"
    table.write_bytes(b"text,labels\na,1\n")
    for source, name in ((tokens, "lyrl2004"), (table, "csv")):
        options = ReadingOptions(label_file=bomb(tmp_path / "labels.txt.gz", b""))
        with pytest.raises(InputError, match=r"labels\.txt\.gz, line 1: longer than 4,000 bytes"):
            list(FORMATS[name].read(str(source), options))


def lines(*records: object) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lines({"text": "a", "labels": [*map(str, range(10**6))]}), "1,000,000 labels; more than"),
        (lines({"text": "a", "labels": [["sea"]] * 10**6}), "not a list of strings"),
        (lines({"text": "a", **{f"n{i}": 0 for i in range(10**6)}}), "there are text, n0, n1, n2"),
        (b'{"text": "a", "labels": ' + b"[" * 10**7 + b"\n", "nested too deeply"),
        (b'{"text": "a", "labels": ' + b'{"a":' * 10**6 + b"\n", "nested too deeply"),
        (b'{"text": "a", "labels": [' + b"9" * 10**7 + b"]}\n", "too long a number"),
        (b'{"text": "a", "id": 1e99999, "date": ' + b"[[]" + b",[]" * 10**6 + b"]}\n", '"labels"'),
    ],
    ids=range(7),
)
def test_line_of_json_that_is_made_to_harm_is_refused(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        list(JSONL.read(str(path)))
    assert said in str(caught.value)
    assert len(str(caught.value)) < 500 + len(str(path))


NASTY = "\x1b]0;owned\x07\x1b[2J\x9b31m\r\n\u202egnp.exe\u2028\x7f\x00"


def said_of(name: str, source: Path) -> Iterable[str]:
    try:
        found = list(FORMATS[name].read(str(source)))
    except HTransError as error:
        yield str(error)
    else:
        for document in found:
            yield from (document.id, document.text, *document.labels)


@pytest.mark.parametrize(
    "record",
    [
        {"text": NASTY, "labels": [NASTY], "id": NASTY},
        {NASTY: "a", "labels": []},
        {"text": "a", "labels": [], "split": NASTY},
        {"text": "a", "labels": [], "date": NASTY},
        {"text": "a", "labels": [NASTY * 100]},
        {"text": "a", "labels": [], "id": NASTY * 100},
        {"doc_token": [NASTY], "doc_label": [NASTY * 100]},
    ],
    ids=range(7),
)
def test_escape_sequences_are_harmless_in_what_is_said(
    tmp_path: Path, record: dict[str, object]
) -> None:
    path = tmp_path / "corpus.jsonl"
    path.write_text(json.dumps(record))
    for name in ("jsonl", "neuralclassifier"):
        for said in said_of(name, path):
            assert "\0" not in said
            shown = printable(said)
            assert shown.isprintable() or "\\u" in shown
            assert not set(shown) & set("\x1b\x9b\x07\r\n\x7f\u202e\u2028")
            if said.startswith(str(path)):
                assert said.isprintable()


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00", b"\xed\xa0\x80", b"\xc0\x80", b"\xf5", b"\xe9"]
)
def test_broken_utf_8_is_named_or_replaced(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "topics.qrels").write_text("ECAT 5 1\n")
    for name, file in LINES.items():
        path = tmp_path / file
        whole = {
            "jsonl": b'{"text": "%s", "labels": []}',
            "neuralclassifier": b'{"doc_token": ["%s"], "doc_label": []}',
            "csv": b"text,labels\n%s,a\n",
            "tsv": b"text\tlabels\n%s\ta\n",
            "lyrl2004": b".I 5\n.W\n%s\n",
        }[name] % content
        path.write_bytes(whole)
        try:
            [document] = FORMATS[name].read(str(path))
        except InputError as error:
            assert "not UTF-8 at byte" in str(error)  # noqa: PT017 — either outcome is right
        else:
            assert "\ufffd" in document.text


@pytest.mark.slow
def test_folder_of_a_thousand_levels_is_walked(tmp_path: Path) -> None:
    here = tmp_path
    for _ in range(1050):
        here = here / "d"
        here.mkdir()
    with pytest.raises(InputError, match="a folder without a Parquet file"):
        list(FORMATS["parquet"].read(str(tmp_path)))
    while here != tmp_path:  # what clears up after tests calls itself for every level
        here.rmdir()
        here = here.parent
