"""The files of a workspace that rows of its database refer to."""

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
from db.references import needed_models, recorded_models, scored_trials, unfinished_trials
from db.runs import run_ids
from db.vectors import list_vectors

TOKEN_FILES = ("tokens.bin", "offsets.npy", "vocabulary.json")
VECTOR_FILES = ("vectors.bin", "words.json")


@dataclass(frozen=True, slots=True)
class TrialCheckpoint:
    """A checkpoint file of an unfinished trial."""

    path: Path
    run_id: int
    trial_id: int


@dataclass(frozen=True, slots=True)
class EmbeddingTables:
    """Files of embedding tables that models refer to.

    `needed` are tables of models that are selected or may be selected. Training removes the others,
    so they may be missing. `all_known` is False if a model file is unreadable.
    """

    referred: frozenset[Path]
    needed: frozenset[Path]
    all_known: bool


@dataclass(frozen=True, slots=True)
class ReferredFiles:
    """The files that rows refer to.

    `needed` files must exist. `useful` files exist, but can be recreated or are not needed.
    """

    needed: frozenset[Path]
    useful: frozenset[Path]
    checkpoints: tuple[TrialCheckpoint, ...]
    all_tables_known: bool

    @property
    def all(self) -> frozenset[Path]:
        """All files that must not be removed."""
        return self.needed | self.useful | {checkpoint.path for checkpoint in self.checkpoints}


def referred_files(store: Store, workspace: Workspace) -> ReferredFiles:
    """All files that the rows of `store` refer to, in the folder of `workspace`."""
    models = {workspace.root / model for _, model in recorded_models(store)}
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
                *_existing(tables.referred - tables.needed),
                *_scores(store, workspace),
                *_indexes(store, workspace),
            }
        ),
        tuple(unfinished_checkpoints(store, workspace)),
        tables.all_known,
    )


def _existing(paths: frozenset[Path]) -> list[Path]:
    return [path for path in paths if path.exists()]


def token_folders(workspace: Workspace, corpus_id: int) -> list[Path]:
    """All folders with token arrays or word graphs of a corpus."""
    return [
        folder
        for folder in sorted(workspace.corpus(corpus_id).glob("*-*"))
        if TOKEN_FOLDER.fullmatch(folder.name)
    ]


def embedding_tables(store: Store, workspace: Workspace) -> EmbeddingTables:
    """The embedding tables that models refer to. Reads the metadata of each model file."""
    needed_trials = needed_models(store)
    referred: set[Path] = set()
    needed: set[Path] = set()
    all_known = True
    for trial_id, model in recorded_models(store):
        try:
            name = model_info(workspace.root / model).embeddings
        except CorruptFileError:
            all_known = False
            continue
        if name is None:
            continue
        table = workspace.embeddings / f"{name}.safetensors"
        referred.add(table)
        if trial_id in needed_trials:
            needed.add(table)
    return EmbeddingTables(frozenset(referred), frozenset(needed), all_known)


def unfinished_checkpoints(store: Store, workspace: Workspace) -> list[TrialCheckpoint]:
    """The checkpoints of unfinished trials; those of a trial are sorted newest first."""
    trials = {
        (trial.run_category_id, trial.attempt, f"{trial.class_weight:g}"): trial
        for trial in unfinished_trials(store)
    }
    ordered: list[tuple[tuple[int, int, bool], TrialCheckpoint]] = []
    for run_id, path in _run_files(store, workspace):
        if (match := CHECKPOINT.fullmatch(path.name)) is None:
            continue
        category, attempt, weight, claim, previous = match.groups()
        trial = trials.get((int(category), int(attempt), weight))
        if trial is not None and trial.run_id == run_id:
            order = (trial.id, -int(claim), previous is not None)
            ordered.append((order, TrialCheckpoint(path, run_id, trial.id)))
    return [checkpoint for _, checkpoint in sorted(ordered, key=lambda pair: pair[0])]


def _scores(store: Store, workspace: Workspace) -> Iterator[Path]:
    trials = scored_trials(store)
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
    for run_id in run_ids(store):
        for path in sorted(workspace.run(run_id).glob("*")):
            yield run_id, path
