"""Which files of a workspace the rows of its database refer to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.engine.artifacts.document_index import INDEX_FILES, index_folder
from core.engine.artifacts.run_files import CHECKPOINT, SCORES
from core.engine.artifacts.text_search import search_path
from core.engine.artifacts.token_store import TOKEN_FOLDER
from core.errors import CorruptFileError
from core.models.model_files import model_info
from core.workspace import Workspace
from db.connection import Store
from db.corpora import list_corpora
from db.states import ENDED_TRIAL, OPEN, STARTABLE_TRIAL, sql_list
from db.vectors import list_vectors

TOKEN_FILES = ("tokens.bin", "offsets.npy", "vocabulary.json")
VECTOR_FILES = ("vectors.bin", "words.json")

_NEEDED_MODELS = f"""
    SELECT t.id FROM trials t JOIN run_categories rc ON rc.id = t.run_category_id
    WHERE t.model IS NOT NULL AND (
        t.id IN (SELECT kept_trial_id FROM run_categories)
        OR t.id IN (SELECT kept_trial_id FROM attempts)
        OR t.id IN (
            SELECT source_trial_id FROM trials
            WHERE state IN {sql_list(STARTABLE_TRIAL)}
        )
        OR (t.attempt = rc.attempt AND rc.state IN {sql_list(OPEN)})
    )
"""


@dataclass(frozen=True, slots=True)
class TrialCheckpoint:
    """A checkpoint on disk of a trial that is not finished."""

    path: Path
    run_id: int
    trial_id: int


@dataclass(frozen=True, slots=True)
class EmbeddingTables:
    """Files of embedding tables that models refer to.

    `needed` are those of models that are kept or may yet be chosen; training removes the others,
    so that they may be missing. `all_known` is False if a model cannot say which table is its.
    """

    referred: frozenset[Path]
    needed: frozenset[Path]
    all_known: bool


@dataclass(frozen=True, slots=True)
class ReferredFiles:
    """The files that rows refer to.

    `needed` must be there; `useful` is there, but could be made again or is never asked for.
    """

    needed: frozenset[Path]
    useful: frozenset[Path]
    checkpoints: tuple[TrialCheckpoint, ...]
    all_tables_known: bool

    @property
    def all(self) -> frozenset[Path]:
        """Every file that may not be removed."""
        return self.needed | self.useful | {checkpoint.path for checkpoint in self.checkpoints}


def referred_files(store: Store, workspace: Workspace) -> ReferredFiles:
    """All files that the rows of `store` refer to, in the folder of `workspace`."""
    models = {
        workspace.root / row["model"]
        for row in store.rows("SELECT model FROM trials WHERE model IS NOT NULL")
    }
    tables = embedding_tables(store, workspace)
    tokens = {
        folder / name
        for corpus in list_corpora(store)
        for folder in (
            workspace.corpus(corpus.id) / f"tokens-{corpus.max_words}",
            *token_folders(workspace, corpus.id),
        )
        for name in TOKEN_FILES
    }
    vectors = {
        workspace.vectors(record.id) / name
        for record in list_vectors(store)
        for name in VECTOR_FILES
    }
    return ReferredFiles(
        frozenset({*models, *tables.needed, *tokens, *vectors}),
        frozenset(
            {
                *_there(tables.referred - tables.needed),
                *_scores(store, workspace),
                *_indexes(store, workspace),
            }
        ),
        tuple(unfinished_checkpoints(store, workspace)),
        tables.all_known,
    )


def _there(paths: frozenset[Path]) -> list[Path]:
    return [path for path in paths if path.exists()]


def token_folders(workspace: Workspace, corpus_id: int) -> list[Path]:
    """The folders with token arrays of a corpus, whatever their number of words."""
    return [
        folder
        for folder in sorted(workspace.corpus(corpus_id).glob("*-*"))
        if TOKEN_FOLDER.fullmatch(folder.name)
    ]


def embedding_tables(store: Store, workspace: Workspace) -> EmbeddingTables:
    """The embedding tables that models refer to; reads what each model file says of itself."""
    needed_models = {row["id"] for row in store.rows(_NEEDED_MODELS)}
    referred: set[Path] = set()
    needed: set[Path] = set()
    all_known = True
    for row in store.rows("SELECT id, model FROM trials WHERE model IS NOT NULL"):
        try:
            name = model_info(workspace.root / row["model"]).embeddings
        except CorruptFileError:
            all_known = False
            continue
        if name is None:
            continue
        table = workspace.embeddings / f"{name}.safetensors"
        referred.add(table)
        if row["id"] in needed_models:
            needed.add(table)
    return EmbeddingTables(frozenset(referred), frozenset(needed), all_known)


def unfinished_checkpoints(store: Store, workspace: Workspace) -> list[TrialCheckpoint]:
    """The checkpoints of trials that are not finished, the newest of each trial first."""
    trials = {
        (row["run_category_id"], row["attempt"], f"{row['class_weight']:g}"): row
        for row in store.rows(
            "SELECT t.id, t.run_category_id, t.attempt, t.class_weight, rc.run_id FROM trials t "
            "JOIN run_categories rc ON rc.id = t.run_category_id "
            f"WHERE t.state NOT IN {sql_list(ENDED_TRIAL)}"
        )
    }
    found: list[tuple[tuple[int, int, bool], TrialCheckpoint]] = []
    for run_id, path in _run_files(store, workspace):
        if (match := CHECKPOINT.fullmatch(path.name)) is None:
            continue
        category, attempt, weight, claim, previous = match.groups()
        row = trials.get((int(category), int(attempt), weight))
        if row is not None and row["run_id"] == run_id:
            order = (row["id"], -int(claim), previous is not None)
            found.append((order, TrialCheckpoint(path, run_id, row["id"])))
    return [checkpoint for _, checkpoint in sorted(found, key=lambda pair: pair[0])]


def _scores(store: Store, workspace: Workspace) -> Iterator[Path]:
    trials = {
        (row["run_id"], row["run_category_id"], row["id"])
        for row in store.rows(
            "SELECT rc.run_id, rc.id AS run_category_id, t.id FROM trials t "
            "JOIN run_categories rc ON coalesce(rc.lead_id, rc.id) = t.run_category_id"
        )
    }
    for run_id, path in _run_files(store, workspace):
        match = SCORES.fullmatch(path.name)
        if match is not None and (run_id, int(match[1]), int(match[2])) in trials:
            yield path


def _indexes(store: Store, workspace: Workspace) -> Iterator[Path]:
    for corpus in list_corpora(store):
        folder = index_folder(workspace, corpus.id)
        for path in (*(folder / name for name in INDEX_FILES), search_path(workspace, corpus.id)):
            if path.exists():
                yield path


def _run_files(store: Store, workspace: Workspace) -> Iterator[tuple[int, Path]]:
    for row in store.rows("SELECT id FROM runs ORDER BY id"):
        for path in sorted(workspace.run(row["id"]).glob("*")):
            yield row["id"], path
