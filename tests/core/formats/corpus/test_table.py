"""CSV and TSV: what is read, and what is named when it cannot be."""

from __future__ import annotations

import csv
import gzip
import io
import sys
import time
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.corpus.documents import Document
from core.errors import HTransError, InputError
from core.formats.corpus.format import ReadingOptions
from core.formats.corpus.table import CSV, TSV
from tests.support.examples import examples

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

GOOD = "text,labels\nThe tide is low.,sea\n"


def written(folder: Path, content: bytes | str, name: str = "corpus.csv") -> str:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def read(
    folder: Path, content: bytes | str, options: ReadingOptions | None = None
) -> list[Document]:
    return list(CSV.read(written(folder, content), options))


def problem(folder: Path, content: bytes | str, options: ReadingOptions | None = None) -> str:
    """What is said of a file, without the folder's name."""
    with pytest.raises(InputError) as caught:
        read(folder, content, options)
    assert str(caught.value).startswith(f"{folder}/corpus.csv, line ")
    return str(caught.value).removeprefix(f"{folder}/corpus.csv, ")


def test_row_becomes_a_document(tmp_path: Path) -> None:
    content = (
        "id,text,labels,split,date\n"
        'd1,"Gulls cry, and cry.",sky;sea,test,1996-08-20\n'
        "d2,Low tide.,,,\n"
    )
    source = str(tmp_path / "corpus.csv")
    assert read(tmp_path, content) == [
        Document(
            "d1",
            "Gulls cry, and cry.",
            ("sky", "sea"),
            "test",
            f"{source}, line 2",
            date(1996, 8, 20),
        ),
        Document("d2", "Low tide.", (), None, f"{source}, line 3"),
    ]


def test_tabs_separate_cells_of_tsv(tmp_path: Path) -> None:
    source = written(tmp_path, "labels\ttext\nsea; sky ;\tOne, two\n", "corpus.tsv")
    [document] = TSV.read(source)
    assert (document.text, document.labels) == ("One, two", ("sea", "sky"))


def test_row_without_id_is_named_after_file_and_line(tmp_path: Path) -> None:
    content = "id,text,labels\n,a,x\n\n  ,b,x\n7,c,x\n"
    assert [document.id for document in read(tmp_path, content)] == [
        "corpus.csv:2",
        "corpus.csv:4",
        "7",
    ]


def test_quotes_of_a_text_stay_without_quoting(tmp_path: Path) -> None:
    content = 'text,labels\n"Low" tide,sea\n"open,sky\n'
    found = read(tmp_path, content, ReadingOptions(quotes=False))
    assert [document.text for document in found] == ['"Low" tide', '"open']
    assert "--no-quotes" in problem(tmp_path, content)


def test_table_without_header_has_numbered_fields(tmp_path: Path) -> None:
    options = ReadingOptions(
        header=False, text_fields=("2",), label_fields=("3",), id_field="1", split_field="4"
    )
    found = read(tmp_path, "a,Ebb.,x;y,dev\nb,Flood.,x,test\n", options)
    assert [(d.id, d.text, d.labels, d.split) for d in found] == [
        ("a", "Ebb.", ("x", "y"), "train"),
        ("b", "Flood.", ("x",), "test"),
    ]
    with pytest.raises(InputError, match='"text" is missing; there are 1, 2: name one with --text'):
        read(tmp_path, "a,Ebb.\n", ReadingOptions(header=False))


def test_texts_are_joined_and_labels_united(tmp_path: Path) -> None:
    options = ReadingOptions(text_fields=("title", "body"), label_fields=("main", "other"))
    content = "main,title,other,body\nsea,Tides,sky;sea,Ebb and flood.\n,,sky,Gulls.\n"
    found = read(tmp_path, content, options)
    assert [(d.text, d.labels) for d in found] == [
        ("Tides\n\nEbb and flood.", ("sea", "sky")),
        ("Gulls.", ("sky",)),
    ]


def test_separator_of_labels_is_an_option(tmp_path: Path) -> None:
    content = "text,labels\na,sea | sky;high\n"
    assert read(tmp_path, content, ReadingOptions(label_separator="|"))[0].labels == (
        "sea",
        "sky;high",
    )


def test_numbers_are_labels_of_a_label_file(tmp_path: Path) -> None:
    names = tmp_path / "labels.txt"
    names.write_text("sea\r\nsky\r\nnoise\n", encoding="utf-8-sig")
    options = ReadingOptions(label_file=names)
    found = read(tmp_path, "text,labels\na,2;0\nb,sky\nc,\n", options)
    assert [document.labels for document in found] == [("noise", "sea"), ("sky",), ()]
    assert "label 3 has no name; there are 3" in problem(tmp_path, "text,labels\na,3\n", options)
    for odd in ("-1", "wood", "²", "1_0", "9" * 5000):
        said = problem(tmp_path, f"text,labels\na,{odd}\n", options)
        assert said.startswith("line 2: the label ")
        assert "--label-file" in said
        assert len(said) < 200


def test_empty_cells_say_nothing(tmp_path: Path) -> None:
    [document] = read(tmp_path, "id,text,labels,split,date\n , ,;; ; , , \n")
    assert document == Document("corpus.csv:2", " ", (), None, document.location)


def test_windows_line_ends_and_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()
    [document] = read(tmp_path, content)
    assert (document.text, document.labels) == ("The tide is low.", ("sea",))


def test_columns_without_a_name_are_passed_over(tmp_path: Path) -> None:
    assert read(tmp_path, ",text,labels,,\n0,Ebb.,sea,,\n")[0].labels == ("sea",)


def test_nul_bytes_become_replacement_marks(tmp_path: Path) -> None:
    [document] = read(tmp_path, b"text,labels\nlow\0tide,s\0a\n")
    assert (document.text, document.labels) == ("low\ufffdtide", ("s\ufffda",))


@pytest.mark.parametrize("ending", [".gz", ".zst", ".GZ"])
def test_compressed_table_reads_like_a_plain_one(tmp_path: Path, ending: str) -> None:
    compress = gzip.compress if ending.lower() == ".gz" else zstd.compress
    content = compress((GOOD + "b,sky\n" * 3).encode())
    source = written(tmp_path, content, f"corpus.csv{ending}")
    assert CSV.recognises(source)
    assert [document.labels for document in CSV.read(source)] == [("sea",)] + 3 * [("sky",)]
    cut = written(tmp_path, content[:-5], f"corpus.csv{ending}")
    with pytest.raises(InputError, match="not a whole"):
        list(CSV.read(cut))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("text,labels\na,x\nb\n", "line 3: 1 columns, but the header has 2"),
        ("text,labels\na,x,y\n", "line 2: 3 columns, but the header has 2"),
        ("text,labels,text\na,x,b\n", "line 1: the column 'text' appears twice in the header"),
        ("body,topics\na,x\n", 'the field "text" is missing; there are body, topics: name one wi'),
        ("text,topics\na,x\n", '"labels" is missing; there are text, topics: name one with --lab'),
        ('text,labels\n"a\nb",x\n\n"c\n\nd",x\ne\n', "line 8: 1 columns"),
        ('text,labels\n"a\nb",x\nc,x\n"d\ne\nf', "line 5: no readable table from here on"),
        ('text,labels\n"a"b,x\n', "line 2: no readable table from here on"),
        ("text,labels\na,x\rb,y\n", "line 2: no readable table from here on"),
        (b"text,labels\na,x\ncaf\xe9,x\n", "line 3: not UTF-8 at byte 3"),
        (b'text,labels\n"a\ncaf\xe9",x\n', "line 3: not UTF-8 at byte 3"),
        ("text,labels,split\na,x,both\n", "line 2: the split 'both' is unknown"),
        ("text,labels,date\na,x,20 August\n", "'20 August' is no date"),
        ("text,labels\na," + "x" * 1001 + "\n", "line 2: a label of 1,001 characters"),
        ("id,text,labels\n" + "x" * 1001 + ",a,x\n", "line 2: an id of 1,001 characters"),
        ("te\x1b[2Jxt,la\x85bels\na,x\n", "there are te␛[2Jxt, la bels: name one"),
    ],
)
def test_bad_table_is_named_with_its_line(tmp_path: Path, content: str | bytes, said: str) -> None:
    assert said in problem(tmp_path, content)


def test_lines_of_documents_are_those_they_begin_in(tmp_path: Path) -> None:
    content = 'text,labels\n"a\nb",x\n\nc,x\n"d\r\n\r\ne",x\nf,x\n'
    found = read(tmp_path, content)
    assert [document.location.rsplit(" ", 1)[1] for document in found] == ["2", "5", "6", "9"]


def test_documents_before_a_bad_row_are_streamed(tmp_path: Path) -> None:
    documents = CSV.read(written(tmp_path, GOOD + "alone\n"))
    assert next(documents).labels == ("sea",)
    with pytest.raises(InputError, match="line 3"):
        next(documents)


def test_empty_file_and_header_alone_hold_no_document(tmp_path: Path) -> None:
    assert read(tmp_path, "") == []
    assert read(tmp_path, "text,labels\n") == []


def test_folder_is_read_in_the_order_of_names(tmp_path: Path) -> None:
    written(tmp_path, GOOD, "b.csv")
    written(tmp_path, GOOD, "a.csv")
    written(tmp_path, "no table", "README.md")
    written(tmp_path, b"\xff\xfe\x00", "._a.csv")
    (tmp_path / "old.csv").mkdir()
    found = list(CSV.read(str(tmp_path)))
    assert [document.id for document in found] == ["a.csv:2", "b.csv:2"]


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(HTransError, match=r"none\.csv: no such file"):
        list(CSV.read(str(tmp_path / "none.csv")))


@pytest.mark.slow
def test_row_that_never_ends_is_refused_in_time(tmp_path: Path) -> None:
    # Every line ends inside quotes, no cell is long: only the row as a whole grows.
    for cell, times in ((b'","\n', 100_100), (b'","' + b"x" * 2**20 + b"\n", 65)):
        content = gzip.compress(b'text,labels\n"\n' + cell * times, 1)
        source = written(tmp_path, content, "corpus.csv.gz")
        with pytest.raises(InputError, match=r"line 2: a row of more than 64 MiB or 100,000 lin"):
            list(CSV.read(source))


def test_a_column_that_is_missing_is_told_once_of_the_header(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        read(tmp_path, "title,labels\na,b\nc,d\n")
    assert str(error.value).endswith(
        'corpus.csv, line 1: the field "text" is missing; there are title, labels: name one with '
        "--text-field"
    )


def test_header_of_many_names_is_looked_at_in_time(tmp_path: Path) -> None:
    header = ",".join(["text", "labels", *map(str, range(9_998))])
    began = time.process_time()
    assert read(tmp_path, header + "\n") == []
    assert time.process_time() - began < 1


_CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)


@pytest.mark.slow
@settings(
    max_examples=examples(60),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    rows=st.lists(
        st.tuples(
            _CELLS,
            st.lists(_CELLS.map(str.strip).filter(lambda name: name and ";" not in name)),
            _CELLS.filter(str.strip),
            st.sampled_from(["train", "test", ""]),
        ),
        max_size=4,
    ),
    tabs=st.booleans(),
)
def test_what_the_csv_module_writes_is_read_back(
    tmp_path: Path, rows: list[tuple[str, list[str], str, str]], tabs: bool
) -> None:
    made = io.StringIO()
    writer = csv.writer(made, delimiter="\t" if tabs else ",")
    writer.writerow(["text", "labels", "id", "split"])
    writer.writerows([text, ";".join(labels), id_, split] for text, labels, id_, split in rows)
    source = written(tmp_path, made.getvalue())
    found = list((TSV if tabs else CSV).records(source, ReadingOptions()))
    parse = CSV.parser(ReadingOptions())
    assert [
        (document.text, document.labels, document.id, document.split or "")
        for document in (parse(record.content) for record in found)
    ] == [(text, tuple(dict.fromkeys(labels)), id_, split) for text, labels, id_, split in rows]
