"""A small file of each corpus format, and random damage to it."""

from __future__ import annotations

import gzip
import io
import json
import sys
import tarfile
import zipfile
from collections.abc import Callable
from typing import Any

import pyarrow
from hypothesis import strategies as st
from pyarrow import parquet

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


JSON_LINES = b'{"text": "Low tide.", "labels": ["sea"], "id": 7, "date": "1996-08-20"}\n' * 3
TOKENS = b'{"doc_label": ["Sea--Tide"], "doc_token": ["low", "tide"]}\n' * 3
ROWS = b'id,text,labels,split\n7,"Low, ""tide"".",sea;sky,test\n8,"Gulls\ncry.",,dev\n'
WORDS = b".I 5\n.W\nlow tide\n\n.I 26151\n.W\ngull\n"
NEWSITEM = (
    b'<?xml version="1.0" encoding="iso-8859-1"?>\n<newsitem itemid="2286" date="1996-08-20">\n'
    b"<title>Tides</title><headline>Tides</headline><text><p>Low &amp; slow.</p></text><metadata>"
    b'<codes class="bip:topics:1.0"><code code="ECAT"/></codes></metadata></newsitem>\n'
)
SGML = (
    b'<REUTERS TOPICS="YES" LEWISSPLIT="TRAIN" NEWID="5">\n<TOPICS><D>ship</D></TOPICS>\n'
    b"<TEXT>&#2;\n<TITLE>TIDES</TITLE>\n<BODY>Low &lt;LOW> tide.\n&#3;</BODY></TEXT>\n</REUTERS>\n"
) * 2


def _zipped() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("2286newsML.xml", "d/2287newsML.xml"):
            # Not of now, so that every run has the same bytes.
            archive.writestr(zipfile.ZipInfo(name), NEWSITEM, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def _tarred() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in ("reut2-000.sgm", f"{'d' * 120}/reut2-001.sgm"):
            member = tarfile.TarInfo(name)
            member.size = len(SGML)
            archive.addfile(member, io.BytesIO(SGML))
    return made.getvalue()


def _table() -> Any:
    return pyarrow.table(
        {"text": ["Low tide.", "Gulls."], "labels": [["sea", "sky"], []], "id": [7, 8]}
    )


def _parquet() -> bytes:
    made = io.BytesIO()
    parquet.write_table(_table(), made, compression="zstd")
    return made.getvalue()


def _arrow() -> bytes:
    made = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(made, _table().schema) as stream:
        stream.write_table(_table())
    content: bytes = made.getvalue().to_pybytes()
    return content


STATE = json.dumps({"_data_files": [{"filename": "a.arrow"}], "_split": None}).encode()
CASES: dict[str, tuple[str, str, bytes, dict[str, bytes]]] = {
    "jsonl": ("jsonl", "a.jsonl", JSON_LINES, {}),
    "jsonl packed": ("jsonl", "a.jsonl.gz", gzip.compress(JSON_LINES, mtime=0), {}),
    "neuralclassifier": ("neuralclassifier", "a.json", TOKENS, {}),
    "neuralclassifier packed": ("neuralclassifier", "a.json.zst", zstd.compress(TOKENS), {}),
    "csv": ("csv", "a.csv", ROWS, {}),
    "tsv": ("tsv", "a.tsv", ROWS.replace(b",", b"\t"), {}),
    "csv packed": ("csv", "a.csv.zst", zstd.compress(ROWS), {}),
    "lyrl2004": ("lyrl2004", "a.dat", WORDS, {"topics.qrels": b"ECAT 5 1\n"}),
    "qrels": ("lyrl2004", "topics.qrels", b"ECAT 5 1\nE11 5 1\n", {"a.dat": WORDS}),
    "newsitem": ("rcv1-xml", "2286newsML.xml", NEWSITEM, {}),
    "zip": ("rcv1-xml", "a.zip", _zipped(), {}),
    "sgml": ("reuters21578", "reut2-000.sgm", SGML, {}),
    "tar": ("reuters21578", "reuters21578.tar", _tarred(), {}),
    "tar packed": ("reuters21578", "reuters21578.tar.gz", gzip.compress(_tarred(), mtime=0), {}),
    "parquet": ("parquet", "a.parquet", _parquet(), {}),
    "arrow": ("parquet", "a.arrow", _arrow(), {"state.json": STATE}),
    "state": ("parquet", "state.json", STATE, {"a.arrow": _arrow()}),
    "info": (
        "parquet",
        "dataset_info.json",
        b'{"features": {"labels": {"names": ["sea", "sky"]}}}',
        {"state.json": STATE, "a.arrow": _arrow()},
    ),
}
"""Format, name of the file that is damaged, its content, and what lies beside."""
IN_FOLDER = ("qrels", "arrow", "state", "info")
"""Those of a folder that is read as a whole."""
Damage = Callable[[bytes], bytes]


@st.composite
def damages(draw: st.DrawFn, size: int) -> Damage:
    """Flip, cut, insert or repeat at a place of a file of that size."""
    at = draw(st.integers(0, size))
    length = draw(st.integers(0, 30))
    kind = draw(st.sampled_from(["flip", "set", "cut", "remove", "insert", "repeat", "swap"]))
    if kind == "flip":
        mask = 1 << draw(st.integers(0, 7))
        return lambda old: (
            old[:at] + bytes(byte ^ mask for byte in old[at : at + 1]) + old[at + 1 :]
        )
    if kind == "set":
        new = draw(st.sampled_from([b"\0", b"\xff", b"\x7f", b"\xff\xff\xff\x7f", b"\0\0\0\x80"]))
        return lambda old: old[:at] + new + old[at + len(new) :]
    if kind == "cut":
        return lambda old: old[:at]
    if kind == "remove":
        return lambda old: old[:at] + old[at + length :]
    if kind == "insert":
        new = draw(
            st.binary(max_size=8)
            | st.sampled_from([b"\r", b"\n", b'"', b"<", b"&#9999999;", b"\x1b[2J", b"\0", b"]]>"])
        )
        return lambda old: old[:at] + new + old[at:]
    times = draw(st.integers(2, 40))
    if kind == "repeat":
        return lambda old: old[:at] + old[at : at + length] * times + old[at + length :]
    return lambda old: old[at : at + length] + old[:at] + old[at + length :]
