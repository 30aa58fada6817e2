"""Whatever bytes a source has, it is imported whole or leaves nothing of itself."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.engine.ingest.corpora import delete_corpus_named, import_corpus
from core.engine.ingest.import_plan import ImportRequest
from core.engine.ingest.survey import survey_corpus
from core.errors import HTransError
from core.workspace import Workspace
from db.connection import Store
from db.corpora import list_corpora
from tests.support.builders import contents
from tests.support.damaged_files import CASES, IN_FOLDER, damages
from tests.support.examples import examples

pytestmark = pytest.mark.slow

TABLES = ("corpora", "categories", "documents", "document_categories")


@pytest.mark.parametrize("case", CASES)
@settings(
    max_examples=examples(5),
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_damaged_source_is_imported_whole_or_not_at_all(
    store: Store, workspace: Workspace, case: str, data: st.DataObject
) -> None:
    format_name, name, content, beside = CASES[case]
    for damage in data.draw(st.lists(damages(len(content)), max_size=3)):
        content = damage(content)
    with tempfile.TemporaryDirectory() as folder:
        for other, whole in beside.items():
            (Path(folder) / other).write_bytes(whole)
        (Path(folder) / name).write_bytes(content)
        source = folder if case in IN_FOLDER else str(Path(folder) / name)
        request = ImportRequest("fuzz", (source,), format=format_name, processes=1)
        try:
            corpus, report = import_corpus(store, workspace, request)
        except HTransError:
            pass
        else:
            assert [corpus] == list_corpora(store)
            assert corpus.documents == report.train + report.test == report.read - report.unused
            delete_corpus_named(store, workspace, "fuzz")
        left = contents(store)
        assert not any(left[table] for table in TABLES)
        folders = workspace.root / "corpora"
        assert not (folders.exists() and any(folders.iterdir()))
        with suppress(HTransError):
            survey_corpus(request)
