"""A corpus goes out and comes in again as the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.engine.ingest import corpus_export
from core.engine.ingest.corpora import import_corpus
from core.engine.ingest.corpus_export import export_corpus
from core.engine.ingest.import_plan import ImportRequest
from core.errors import ConflictError, HTransError, NotFoundError
from core.workspace import Workspace
from db.connection import Store
from db.corpora import taxonomy_of
from tests.support.corpus_contents import everything
from tests.support.small_corpus import TAXONOMY, documents

HARD = [
    {
        "id": "späť/1",
        "text": 'He said "no",\nthen\tleft; \u2028 引き潮 جزر 🌊\r\n',
        "labels": ["cats"],
    },
    {"id": "2\t3", "text": "", "labels": ['Käse, "reif"', "food"]},
    {"id": " ", "text": "\x1b[31mred\x07", "labels": []},
    {"id": "=1+1", "text": "  blanks kept  ", "labels": ["cats", "animals"], "split": "test"},
]
NAMES = TAXONOMY + 'food\tKäse, "reif"\tCheese; "ripe", aged\n\t水/海\t水 & <海>\n'


@pytest.fixture
def corpus(store: Store, workspace: Workspace, tmp_path: Path) -> Store:
    """A corpus with all that is hard to write, under the name `hard`."""
    path, edges = tmp_path / "corpus.jsonl", tmp_path / "taxonomy.tsv"
    made = [*documents(30), *({"split": "train", **record} for record in HARD)]
    path.write_text("".join(json.dumps(r) + "\n" for r in made), encoding="utf-8")
    edges.write_text(NAMES, encoding="utf-8")
    import_corpus(store, workspace, ImportRequest("hard", (str(path),), taxonomy=edges))
    return store


@pytest.mark.parametrize("format_name", list(corpus_export.FORMATS))
@pytest.mark.parametrize("taxonomy_format", list(corpus_export.TAXONOMY_FORMATS))
def test_imported_again_it_is_the_same_corpus(
    corpus: Store,
    workspace: Workspace,
    tmp_path: Path,
    format_name: str,
    taxonomy_format: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(corpus_export, "_CHUNK", 7)
    seen: list[tuple[int, int]] = []
    made = export_corpus(
        corpus,
        "hard",
        tmp_path / "out",
        format_name=format_name,
        taxonomy_format=taxonomy_format,
        progress=lambda *so_far: seen.append(so_far),
    )
    assert seen[-1] == (34, 34)
    again = ImportRequest("again", (str(made.documents),), taxonomy=made.taxonomy)
    _, report = import_corpus(corpus, workspace, again)
    assert (report.format, report.taxonomy) == (format_name, taxonomy_format)
    assert everything(corpus, workspace, "again") == everything(corpus, workspace, "hard")
    before, after = (
        [(c.id, c.name, c.parent) for c in taxonomy_of(corpus, number)] for number in (1, 2)
    )
    assert after == before


def test_a_folder_that_is_there_is_not_touched(corpus: Store, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ConflictError, match="out already exists"):
        export_corpus(corpus, "hard", out)
    assert [path.name for path in out.iterdir()] == ["mine.txt"]


def test_a_failure_leaves_no_folder(
    corpus: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.formats.taxonomy.edges.write", fail)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(OSError, match="No space left"):
        export_corpus(corpus, "hard", tmp_path / "out")
    assert sorted(tmp_path.iterdir()) == before


def test_what_is_not_there_is_named(corpus: Store, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no corpus 'soft'"):
        export_corpus(corpus, "soft", tmp_path / "out")
    with pytest.raises(HTransError, match="--format xml: use one of jsonl, parquet"):
        export_corpus(corpus, "hard", tmp_path / "out", format_name="xml")
    with pytest.raises(HTransError, match="--taxonomy-format owl: use one of edges, skos"):
        export_corpus(corpus, "hard", tmp_path / "out", taxonomy_format="owl")


def test_options_that_were_not_the_usual_are_told(
    store: Store, workspace: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "corpus.csv"
    path.write_text("text,labels,split\nEbbe und Flut,meer,train\n", encoding="utf-8")
    asked = ImportRequest("meer", (str(path),), language="de", max_words=7)
    import_corpus(store, workspace, asked)
    made = export_corpus(store, "meer", tmp_path / "out")
    assert made.options == ("--language", "de", "--max-words", "7")
