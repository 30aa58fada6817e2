"""Whether the files that rows refer to are there and are what was written."""

from __future__ import annotations

import numpy as np

from core.engine.artifacts.run_files import trial_identity
from core.engine.maintenance.issues import FIX, Issue, damaged, relative, said_of
from core.engine.maintenance.referred_files import (
    embedding_tables,
    token_folders,
    unfinished_checkpoints,
)
from core.errors import CorruptFileError
from core.files import sha256
from core.models.model_files import load_embeddings
from core.text.token_arrays import TokenArrays
from core.text.vectors import WordVectors
from core.text.vocabulary import Vocabulary
from core.training.checkpoints import read_checkpoint
from core.workspace import Workspace
from db.connection import Store
from db.corpora import Corpus, list_corpora
from db.references import model_checksums
from db.vectors import list_vectors

_RESTORE = "restore a backup"


def check_vectors(store: Store, workspace: Workspace) -> list[Issue]:
    """Word vectors: both files readable, with as many words and dimensions as recorded."""
    found = []
    for record in list_vectors(store):
        folder = workspace.vectors(record.id)
        remedy = f"{_RESTORE}, or add {record.source} again under another name"
        try:
            words = len(WordVectors(folder, record.dimensions))
        except CorruptFileError as error:
            found.append(damaged("vectors", workspace, folder, said_of(folder, error), remedy))
            continue
        if words != record.words:
            problem = f"{words:,} words, but {record.words:,} were stored"
            found.append(damaged("vectors", workspace, folder, problem, remedy))
    return found


def check_corpora(store: Store, workspace: Workspace) -> list[Issue]:
    """Token arrays: present, as many documents as recorded, no id outside the vocabulary."""
    found = []
    for corpus in list_corpora(store):
        imported = workspace.corpus(corpus.id) / f"tokens-{corpus.max_words}"
        for folder in sorted({imported, *token_folders(workspace, corpus.id)}):
            try:
                problem = _problem_of_tokens(
                    TokenArrays.open(folder), Vocabulary.load(folder / "vocabulary.json"), corpus
                )
            except CorruptFileError as error:
                problem = said_of(folder, error)
            if problem is not None:
                remedy = f"{_RESTORE}, or import the corpus {corpus.name!r} under another name"
                found.append(damaged("corpus", workspace, folder, problem, remedy))
    return found


def _problem_of_tokens(arrays: TokenArrays, vocabulary: Vocabulary, corpus: Corpus) -> str | None:
    if len(arrays) != corpus.documents:
        return f"tokens of {len(arrays):,} documents, but the corpus has {corpus.documents:,}"
    if arrays.offsets[0] != 0 or (np.diff(arrays.offsets) < 1).any():
        return "its offsets do not ascend from 0"
    if arrays.tokens.min() < 0 or arrays.tokens.max() >= len(vocabulary):
        return "it has token ids that are not in its vocabulary"
    return None


def check_models(store: Store, workspace: Workspace) -> list[Issue]:
    """Models of finished trials: present, with the SHA-256 that was recorded."""
    found = []
    for record in model_checksums(store):
        path = workspace.root / record.model
        try:
            if sha256(path) == record.sha256:
                continue
            problem = "not the file that was written: its SHA-256 differs from the recorded one"
        except FileNotFoundError:
            problem = "the file is missing"
        except OSError as error:
            problem = f"cannot be read ({error.strerror})"
        remedy = f"{_RESTORE}, or: htrans-tui retrain {record.run} {record.category}"
        found.append(damaged("model", workspace, path, problem, remedy))
    return found


def check_embeddings(store: Store, workspace: Workspace) -> list[Issue]:
    """Embedding tables: those that are needed are there, and each is what its name says."""
    found = []
    for path in sorted(embedding_tables(store, workspace).referred):
        if not path.exists():
            if path in embedding_tables(store, workspace).needed:
                problem = "the embedding table of a kept model is missing"
                found.append(damaged("embeddings", workspace, path, problem, _RESTORE))
            continue
        try:
            load_embeddings(workspace.embeddings, path.stem)
        except CorruptFileError as error:
            problem = said_of(path, error).removesuffix(f"; {_RESTORE}")
            found.append(damaged("embeddings", workspace, path, problem, _RESTORE))
    return found


def check_checkpoints(store: Store, workspace: Workspace) -> list[Issue]:
    """Checkpoints of unfinished trials: readable, and of the trial that their name says.

    One that vanishes meanwhile was replaced by a newer one.
    """
    found = []
    for checkpoint in unfinished_checkpoints(store, workspace):
        try:
            read_checkpoint(checkpoint.path, trial_identity(checkpoint.run_id, checkpoint.trial_id))
        except CorruptFileError as error:
            if checkpoint.path.exists():
                subject = relative(workspace, checkpoint.path)
                problem = (
                    f"{said_of(checkpoint.path, error)}; its trial goes on from the one before"
                )
                found.append(Issue("checkpoint", subject, problem, FIX, fixable=True))
    return found


def remove_damaged_checkpoints(store: Store, workspace: Workspace) -> list[Issue]:
    """Remove checkpoints that cannot be read; return what was found of them."""
    found = check_checkpoints(store, workspace)
    for finding in found:
        (workspace.root / finding.subject).unlink(missing_ok=True)
    return found
