"""Parquet files and datasets that Hugging Face's `datasets` saved, built as it builds them."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
import tracemalloc
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

import core.formats.corpus.parquet as parquet_reader
from core.corpus.documents import Document, Split
from core.errors import HTransError, InputError
from core.formats.corpus import guess_format
from core.formats.corpus.format import ReadingOptions
from core.formats.corpus.parquet import FORMAT, write
from tests.support.examples import examples

FEATURES: dict[str, Any] = {
    "text": {"dtype": "string", "_type": "Value"},
    "labels": {"feature": {"names": ["sea", "sky"], "_type": "ClassLabel"}, "_type": "Sequence"},
}
"""Features of a dataset with numbered labels, as `dataset_info.json` has them."""


def table(**columns: Any) -> Any:
    return pyarrow.table({"text": ["Low tide.", "Gulls."], "labels": [["sea"], []], **columns})


def written(folder: Path, made: Any, name: str = "corpus.parquet", **how: Any) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(made, path, **how)
    return str(path)


def read(source: str | Path, options: ReadingOptions | None = None) -> list[Document]:
    return list(FORMAT.read(str(source), options))


def problem(source: str | Path, options: ReadingOptions | None = None) -> str:
    """What is said of a source, which is one line that begins with its name."""
    with pytest.raises(InputError) as caught:
        read(source, options)
    assert str(caught.value).startswith(str(source))
    assert str(caught.value).isprintable()
    return str(caught.value).removeprefix(str(source))


def saved(folder: Path, *shards: Any, features: object = None) -> Path:
    """A folder as `Dataset.save_to_disk` writes it."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"data-{i:05}-of-{len(shards):05}.arrow" for i in range(len(shards))]
    for name, shard in zip(names, shards, strict=True):
        path = str(folder / name)
        with pyarrow.OSFile(path, "wb") as file, pyarrow.ipc.new_stream(file, shard.schema) as made:
            made.write_table(shard, max_chunksize=1000)
    state(folder, [{"filename": name} for name in names])
    info = {"citation": "", "description": "", "features": features, "license": ""}
    (folder / "dataset_info.json").write_text(json.dumps(info, indent=2))
    return folder


def state(folder: Path, files: object) -> None:
    content = {"_data_files": files, "_fingerprint": "0f", "_format_type": None, "_split": None}
    (folder / "state.json").write_text(json.dumps(content, indent=2, sort_keys=True))


def test_row_becomes_a_document(tmp_path: Path) -> None:
    made = table(id=["d1", None], split=["test", None], date=[date(1996, 8, 20), None])
    source = written(tmp_path, made)
    assert read(source) == [
        Document("d1", "Low tide.", ("sea",), "test", f"{source}, row 1", date(1996, 8, 20)),
        Document("corpus.parquet:2", "Gulls.", (), None, f"{source}, row 2"),
    ]


def test_file_is_known_by_its_content(tmp_path: Path) -> None:
    assert guess_format(written(tmp_path, table(), "train-00000-of-00001")).name == "parquet"


def test_rows_of_many_groups_keep_their_order(tmp_path: Path) -> None:
    made = pyarrow.table({"text": [f"t{i}" for i in range(1000)], "labels": ["sea"] * 1000})
    found = read(written(tmp_path, made, row_group_size=300))
    assert [document.text for document in found] == [f"t{i}" for i in range(1000)]
    assert found[-1].id == "corpus.parquet:1000"


@pytest.mark.parametrize(
    "type_",
    [
        pyarrow.list_(pyarrow.string()),
        pyarrow.large_list(pyarrow.large_string()),
        pyarrow.list_(pyarrow.dictionary(pyarrow.int32(), pyarrow.string())),
    ],
)
def test_strings_and_lists_of_every_width_are_read(tmp_path: Path, type_: Any) -> None:
    columns = {
        "text": pyarrow.array(["Low tide.", "Gulls."], pyarrow.large_string()),
        "labels": pyarrow.array([["sea", "sky"], []], type_),
        "id": pyarrow.array(["a", "b"]).dictionary_encode(),
    }
    found = read(written(tmp_path, pyarrow.table(columns)))
    assert [(d.id, d.text, d.labels) for d in found] == [
        ("a", "Low tide.", ("sea", "sky")),
        ("b", "Gulls.", ()),
    ]


def test_number_and_moment_are_id_and_date(tmp_path: Path) -> None:
    moments = pyarrow.array([datetime(1996, 8, 20, 23, tzinfo=UTC), None])
    found = read(written(tmp_path, table(id=[0, 2286], date=moments)))
    assert [(d.id, d.date) for d in found] == [("0", date(1996, 8, 20)), ("2286", None)]


def test_names_of_numbers_come_from_the_metadata_of_the_hub(tmp_path: Path) -> None:
    for features in (
        FEATURES,
        {"labels": [{"names": ["sea", "sky"], "_type": "ClassLabel"}]},
        {"labels": {"feature": {"names": ["sea", "sky"]}, "length": -1, "_type": "List"}},
    ):
        metadata = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
        made = table(labels=[[1, 0], []]).replace_schema_metadata(metadata)
        assert [d.labels for d in read(written(tmp_path, made))] == [("sky", "sea"), ()]


def test_single_number_has_a_name_too(tmp_path: Path) -> None:
    features = {"label": {"names": ["sea", "sky"], "_type": "ClassLabel"}}
    metadata = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
    made = table(label=[1, 0]).replace_schema_metadata(metadata)
    found = read(written(tmp_path, made), ReadingOptions(label_fields=("label",)))
    assert [document.labels for document in found] == [("sky",), ("sea",)]


@pytest.mark.parametrize(
    "metadata",
    [b"", b"{", b"[1]", b'{"info": 5}', b'{"info": {"features": [[]]}}', b"[" * 100_000, b"\xff"],
)
def test_odd_metadata_names_nothing(tmp_path: Path, metadata: bytes) -> None:
    made = table(labels=[[1], []]).replace_schema_metadata({b"huggingface": metadata})
    assert [document.labels for document in read(written(tmp_path, made))] == [("1",), ()]


def test_label_file_goes_before_the_names_of_the_file(tmp_path: Path) -> None:
    names = tmp_path / "labels.txt"
    names.write_text("ebb\nflood\n")
    source = written(tmp_path, table(labels=[[1, 0], [1]]))
    found = read(source, ReadingOptions(label_file=names))
    assert [document.labels for document in found] == [("flood", "ebb"), ("flood",)]


def test_number_without_a_name_is_an_error(tmp_path: Path) -> None:
    folder = saved(tmp_path / "d", table(labels=[[0], [2]]), features=FEATURES)
    assert "row 2: the label 2 has no name; there are 2 names" in problem(folder)


def test_folder_is_read_with_all_below_it(tmp_path: Path) -> None:
    written(tmp_path, table(), "data/test/0.parquet")
    written(tmp_path, table(), "data/train/1.parquet")
    written(tmp_path, table(), "data/train/0.PARQUET")
    (tmp_path / "README.md").write_text("# Tides")
    (tmp_path / "data" / "train" / "._1.parquet").write_bytes(b"\0\5\x16\7")
    (tmp_path / "data" / "loop").symlink_to(tmp_path)
    found = FORMAT.parts(str(tmp_path))
    assert [str(Path(part).relative_to(tmp_path)) for part in found] == [
        "data/test/0.parquet",
        "data/train/0.PARQUET",
        "data/train/1.parquet",
    ]
    assert len(read(tmp_path)) == 6


def test_folder_without_any_is_an_error(tmp_path: Path) -> None:
    assert "without a Parquet file" in problem(tmp_path)


def test_saved_dataset_is_read_with_its_names(tmp_path: Path) -> None:
    shards = [table(labels=[[0], [1, 0]]), table(labels=[[], [1]])]
    folder = saved(tmp_path / "tides", *shards, features=FEATURES)
    assert guess_format(str(folder)).name == "parquet"
    found = read(folder)
    assert [document.labels for document in found] == [("sea",), ("sky", "sea"), (), ("sky",)]
    assert [document.id for document in found] == [f"tides:{i}" for i in range(1, 5)]
    assert {document.split for document in found} == {None}


def test_splits_of_a_saved_dict_are_those_of_its_folders(tmp_path: Path) -> None:
    for name in ("train", "validation", "test", "other"):
        saved(tmp_path / name, table())
    content = {"splits": ["train", "validation", "test", "other", "train"]}
    (tmp_path / "dataset_dict.json").write_text(json.dumps(content))
    assert guess_format(str(tmp_path)).name == "parquet"
    found = read(tmp_path)
    assert [document.split for document in found[::2]] == ["train", "train", "test", None]
    assert len(found) == 8


def test_column_goes_before_the_name_of_the_folder(tmp_path: Path) -> None:
    folder = saved(tmp_path / "train", table(split=["test", "train"]))
    assert [document.split for document in read(folder)] == ["test", "train"]


OUTSIDE = ["../x", "..", ".", "", "/etc/passwd", "a/b", "a\0b", "a\nb", "\ud800"]


@pytest.mark.parametrize("name", OUTSIDE)
def test_index_names_only_what_lies_beside_it(tmp_path: Path, name: object) -> None:
    folder = saved(tmp_path / "d", table())
    saved(tmp_path, table())
    state(folder, [{"filename": name}])
    assert "state.json: names a file outside the folder" in problem(folder)
    (folder / "state.json").unlink()
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": [name]}))
    assert "dataset_dict.json: names a file outside the folder" in problem(folder)


@pytest.mark.parametrize("content", ["", "{", "[]", "5", '{"_data_files": [5]}', "[" * 100_000])
def test_index_that_is_none_is_an_error(tmp_path: Path, content: str) -> None:
    folder = saved(tmp_path / "d", table())
    (folder / "state.json").write_text(content)
    assert "saved dataset" in problem(folder)
    (folder / "state.json").unlink()
    (folder / "dataset_dict.json").write_text(content)
    assert "saved dataset" in problem(folder)


def test_file_or_split_that_is_named_but_absent_is_an_error(tmp_path: Path) -> None:
    folder = saved(tmp_path / "d", table())
    state(folder, [{"filename": "data-1.arrow"}])
    with pytest.raises(HTransError, match=r"data-1\.arrow: no such file"):
        read(folder)
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["d", "test"]}')
    with pytest.raises(HTransError, match="no such file"):
        read(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" * 100, b"\xff\xff\xff\xff\0\1\2\3" * 9])
def test_garbage_is_an_error(tmp_path: Path, content: bytes) -> None:
    source = tmp_path / "corpus.parquet"
    source.write_bytes(content)
    assert "cannot be read as Parquet or Arrow" in problem(source)
    folder = saved(tmp_path / "d", table())
    (folder / "data-00000-of-00001.arrow").write_bytes(content)
    assert "data-00000-of-00001.arrow: cannot be read as Parquet or Arrow" in problem(folder)


def test_file_cut_off_anywhere_is_an_error(tmp_path: Path) -> None:
    whole = Path(written(tmp_path, table())).read_bytes()
    source = tmp_path / "cut.parquet"
    for cut in range(0, len(whole), 40):
        source.write_bytes(whole[:cut])
        assert "cannot be read" in problem(source)


def test_arrow_file_with_offsets_beyond_its_end_is_an_error(tmp_path: Path) -> None:
    folder = saved(tmp_path / "d", table(text=["\x11" * 40, "\x22" * 40]))
    file = folder / "data-00000-of-00001.arrow"
    content = file.read_bytes()
    offsets = bytes([0, 0, 0, 0, 40, 0, 0, 0, 80, 0, 0, 0])
    assert content.count(offsets) == 1
    file.write_bytes(content.replace(offsets, bytes([0, 0, 0, 0, 40, 0, 0, 0, 80, 0, 0, 0x70])))
    assert "cannot be read as Parquet or Arrow" in problem(folder)


_READ_DAMAGED = """
import sys
from pathlib import Path
from core.errors import InputError
from core.formats.corpus import FORMATS

path = Path(sys.argv[1])
whole = path.read_bytes()
refused = 0
for place in range(len(whole)):
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 2]) + whole[place + 1 :])
    try:
        list(FORMATS["parquet"].read(sys.argv[2]))
    except InputError:
        refused += 1
assert refused > len(whole) // 4
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_flip_of_any_byte_does_not_end_the_process(tmp_path: Path, kind: str) -> None:
    folder = saved(tmp_path / "d", table())
    file = written(tmp_path, table())
    named = (file, file) if kind == "parquet" else (str(next(folder.glob("*.arrow"))), str(folder))
    result = subprocess.run(
        [sys.executable, "-c", _READ_DAMAGED, *named], capture_output=True, text=True, timeout=60
    )
    assert result.returncode == 0, result.stderr[-2000:]


def test_string_that_is_not_utf_8_is_an_error(tmp_path: Path) -> None:
    source = Path(written(tmp_path, table(), compression="none", use_dictionary=False))
    source.write_bytes(source.read_bytes().replace(b"Low tide.", b"Low \xff\xffde."))
    assert "cannot be read as Parquet or Arrow" in problem(source)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"labels": [None, ["sea"]]}, 'row 1: the field "labels" is not a list of strings'),
        ({"labels": [["sea", None], []]}, 'row 1: the field "labels" is not a list of strings'),
        ({"labels": [0.5, 1.0]}, 'row 1: the field "labels" is not a list of strings'),
        ({"labels": [[True], []]}, 'row 1: the field "labels" is not a list of strings'),
        ({"labels": [[["sea"]], []]}, 'the field "labels" holds list<'),
        ({"labels": [{"a": 1}, {"a": 2}]}, 'the field "labels" holds struct<a: int64>'),
        ({"text": [None, "a"]}, 'row 1: the field "text" is not a string'),
        ({"text": [b"a", b"b"]}, 'row 1: the field "text" is not a string'),
        ({"id": [["a"], ["b"]]}, 'row 1: the field "id" is not a string; name another --id-field'),
        ({"date": [5.5, 6.5]}, "row 1: '5.5' is no date"),
        ({"split": ["train", "both"]}, "row 2: the split 'both' is unknown"),
        ({"date": pyarrow.array([2**50] * 2, pyarrow.timestamp("s"))}, "cannot be read as Parq"),
        (
            {"date": pyarrow.array([1, 2], pyarrow.timestamp("s", "No/Such\x1b"))},
            "cannot be read as Parquet",
        ),
    ],
)
def test_column_of_a_wrong_type_is_named(
    tmp_path: Path, columns: dict[str, Any], said: str
) -> None:
    assert said in problem(written(tmp_path, table(**columns)))
    assert said in problem(saved(tmp_path / "d", table(**columns))).replace(
        "/data-00000-of-00001.arrow", ""
    )


def test_missing_column_is_named_with_those_there_are(tmp_path: Path) -> None:
    columns = {f"c{i}\n\x1b": [""] for i in range(20)}
    source = written(tmp_path, pyarrow.table({"text": ["a"], **columns}))
    assert problem(source) == (
        ': the field "labels" is missing; there are text, '
        + ", ".join(f"c{i} ␛" for i in range(7))
        + ": name one with --label-field"
    )
    assert "--text-field" in problem(source, ReadingOptions(text_fields=("body",)))
    empty = written(tmp_path, pyarrow.table({"text": pyarrow.array([], pyarrow.string())}))
    assert '"labels" is missing' in problem(empty)


def test_column_that_occurs_twice_is_named(tmp_path: Path) -> None:
    made = pyarrow.table([["a"], ["b"], ["x"]], names=["text", "text", "labels"])
    assert '"text" appears twice' in problem(written(tmp_path, made))
    assert '"text" appears twice' in problem(saved(tmp_path / "d", made))


def test_other_columns_are_not_read(tmp_path: Path) -> None:
    [record, _] = FORMAT.records(written(tmp_path, table(image=[b"x" * 999] * 2)), ReadingOptions())
    assert b"x" * 999 not in pickle.dumps(record.content)


def test_name_with_a_dot_is_a_column(tmp_path: Path) -> None:
    made = pyarrow.table({"meta.text": ["a"], "meta": ["b"], "labels": ["x"]})
    options = ReadingOptions(text_fields=("meta.text", "meta"))
    assert read(written(tmp_path, made), options)[0].text == "a\n\nb"


def test_large_text_written_once_for_many_rows_is_not_unpacked_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_reader, "_MAX_BATCH_BYTES", 2**26)
    text = pyarrow.DictionaryArray.from_arrays([0] * 256, ["x" * 2**22])
    made = pyarrow.table({"text": text, "labels": ["sea"] * 256})
    plain: dict[str, Any] = {
        "store_schema": False,
        "dictionary_pagesize_limit": 2**30,
        "compression": "zstd",
    }
    small = written(tmp_path, made, **plain)
    assert Path(small).stat().st_size < 2**14
    for source in (small, written(tmp_path, made, "b.parquet"), str(saved(tmp_path / "d", made))):
        tracemalloc.start()
        before = pyarrow.total_allocated_bytes()
        records = FORMAT.records(source, ReadingOptions())
        assert next(records).size > 2**22
        assert next(records).size > 2**22
        assert pyarrow.total_allocated_bytes() - before < 2**28
        assert tracemalloc.get_traced_memory()[1] < 2**25
        tracemalloc.stop()


def test_list_of_a_million_labels_is_refused(tmp_path: Path) -> None:
    labels = pyarrow.array([range(1_000_000)], pyarrow.list_(pyarrow.int32()))
    source = written(tmp_path, pyarrow.table({"text": ["a"], "labels": labels}))
    assert "row 1: 10,001 labels; more than 10,000" in problem(source)


_NAMES = st.text(max_size=6).map(str.strip).filter(lambda name: "\0" not in name)


@settings(
    max_examples=examples(50),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    rows=st.lists(
        st.tuples(
            st.text(st.characters(codec="utf-8", exclude_characters="\0")),
            st.lists(_NAMES.filter(bool), unique=True, max_size=4),
            _NAMES.filter(bool),
            st.sampled_from(["train", "test", None]),
        ),
        max_size=4,
    )
)
def test_documents_that_are_written_are_read_back(
    tmp_path: Path, rows: list[tuple[str, list[str], str, Split | None]]
) -> None:
    path = tmp_path / "out.parquet"
    documents = [
        Document(id_, text, tuple(labels), split, f"{path}, row {number}")
        for number, (text, labels, id_, split) in enumerate(rows, 1)
    ]
    write(documents, path)
    assert read(path) == documents


def test_error_is_the_same_in_another_process(tmp_path: Path) -> None:
    source = written(tmp_path, table(text=[None, "a"]))
    record = next(FORMAT.records(source, ReadingOptions()))
    with pytest.raises(InputError, match=re.escape(source)) as caught:
        FORMAT.parser(ReadingOptions())(pickle.loads(pickle.dumps(record.content)))
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again)) == (InputError, str(caught.value))
