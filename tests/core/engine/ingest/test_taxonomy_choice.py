"""The taxonomy of an import."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.engine.ingest.import_plan import ImportPlan, ImportRequest
from core.engine.ingest.taxonomy_choice import choose_taxonomy
from core.errors import HTransError, InputError, TaxonomyError


def plan(folder: Path, *labels: list[str], edges: str | None = None, **changes: Any) -> ImportPlan:
    path = folder / "corpus.jsonl"
    records = [{"text": "tide", "labels": each, "split": "train"} for each in labels]
    path.write_text("".join(json.dumps(r) + "\n" for r in records), encoding="utf-8")
    if edges is not None:
        taxonomy = folder / "taxonomy.tsv"
        taxonomy.write_text(edges, encoding="utf-8")
        changes["taxonomy"] = taxonomy
    return ImportPlan(ImportRequest("tides", (str(path),), processes=1, **changes))


EDGES = "parent\tid\tname\n\tsea\tSea\nsea\ttide\tTide\n"


def test_labels_make_it_where_nothing_else_does(tmp_path: Path) -> None:
    chosen = choose_taxonomy(plan(tmp_path, ["sea > tide"], ["sky"]))
    assert [c.id for c in chosen.taxonomy] == ["sea", "sea > tide", "sky"]
    assert chosen.format == "paths"
    assert chosen.notes == ["no taxonomy file: inferred 3 categories on 2 levels from the labels"]


def test_a_file_makes_it_and_its_format_is_guessed(tmp_path: Path) -> None:
    chosen = choose_taxonomy(plan(tmp_path, ["tide"], edges=EDGES))
    assert (chosen.format, [c.name for c in chosen.taxonomy]) == ("edges", ["Sea", "Tide"])
    outline = choose_taxonomy(plan(tmp_path, ["tide"], edges="sea\n  tide\n    ebb\n"))
    assert (outline.format, outline.taxonomy.levels) == ("indented", 3)


def test_unknown_labels_can_become_top_level_categories(tmp_path: Path) -> None:
    asked = plan(tmp_path, ["tide", "fog"], ["ice"], edges=EDGES, unknown_labels="top-level")
    chosen = choose_taxonomy(asked)
    assert [(c.id, c.parent) for c in chosen.taxonomy][2:] == [("fog", None), ("ice", None)]
    assert chosen.notes == ["2 unknown labels became top-level categories"]


def test_rare_categories_are_left_out_and_their_labels_count_above(tmp_path: Path) -> None:
    asked = plan(tmp_path, ["tide"], ["sea"], ["sea"], edges=EDGES, min_positives=2)
    chosen = choose_taxonomy(asked)
    assert [c.id for c in chosen.taxonomy] == ["sea"]
    assert [c.id for c in chosen.complete] == ["sea", "tide"]
    with pytest.raises(HTransError, match="--min-positives 9: no category"):
        choose_taxonomy(plan(tmp_path, ["tide"], edges=EDGES, min_positives=9))


def test_second_parents_are_an_error_or_left_out(tmp_path: Path) -> None:
    twice = EDGES + "\tsky\tSky\nsky\ttide\tTide\n"
    with pytest.raises(TaxonomyError, match=r"'tide'.*--multiple-parents first"):
        choose_taxonomy(plan(tmp_path, ["tide"], edges=twice))
    chosen = choose_taxonomy(plan(tmp_path, ["tide"], edges=twice, multiple_parents="first"))
    assert chosen.taxonomy["tide"].parent == "sea"
    assert chosen.notes == ["1 second parents were ignored; the first is 'sky' of 'tide'"]


def test_no_label_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HTransError, match="no document has a label"):
        choose_taxonomy(plan(tmp_path, [], []))


def test_what_is_wrong_with_a_record_is_told_here_unless_lenient(tmp_path: Path) -> None:
    asked = plan(tmp_path, ["sea"])
    path = Path(asked.request.sources[0])
    path.write_text(path.read_text(encoding="utf-8") + "{}\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 2"):
        choose_taxonomy(asked)
    assert len(choose_taxonomy(asked, lenient=True).taxonomy) == 1


def test_paths_take_no_file_and_other_formats_need_one(tmp_path: Path) -> None:
    with pytest.raises(HTransError, match="--taxonomy-format paths"):
        choose_taxonomy(plan(tmp_path, ["a"], edges=EDGES, taxonomy_format="paths"))
    with pytest.raises(HTransError, match="--taxonomy-format skos needs --taxonomy FILE"):
        choose_taxonomy(plan(tmp_path, ["a"], taxonomy_format="skos"))
