"""Checks that the files which rows refer to exist and are unchanged."""

from __future__ import annotations

import numpy as np

from core.engine.artifacts.run_files import trial_identity
from core.engine.maintenance.issues import FIX, Issue, damaged, message_without_path, relative
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
    """Check that word vectors are readable and have the recorded words and dimensions."""
    issues = []
    for record in list_vectors(store):
        folder = workspace.vectors(record.id)
        remedy = f"{_RESTORE}, or add {record.source} again under another name"
        try:
            words = len(WordVectors(folder, record.dimensions))
        except CorruptFileError as error:
            issues.append(
                damaged("vectors", workspace, folder, message_without_path(folder, error), remedy)
            )
            continue
        if words != record.words:
            problem = f"{words:,} words, but {record.words:,} were stored"
            issues.append(damaged("vectors", workspace, folder, problem, remedy))
    return issues


def check_corpora(store: Store, workspace: Workspace) -> list[Issue]:
    """Check the document counts, offsets and ids of token arrays."""
    issues = []
    for corpus in list_corpora(store):
        imported = workspace.corpus(corpus.id) / f"tokens-{corpus.max_words}"
        for folder in sorted({imported, *token_folders(workspace, corpus.id)}):
            try:
                problem = _token_problem(
                    TokenArrays.open(folder), Vocabulary.load(folder / "vocabulary.json"), corpus
                )
            except CorruptFileError as error:
                problem = message_without_path(folder, error)
            if problem is not None:
                remedy = f"{_RESTORE}, or import the corpus {corpus.name!r} under another name"
                issues.append(damaged("corpus", workspace, folder, problem, remedy))
    return issues


def _token_problem(arrays: TokenArrays, vocabulary: Vocabulary, corpus: Corpus) -> str | None:
    if len(arrays) != corpus.documents:
        return f"tokens of {len(arrays):,} documents, but the corpus has {corpus.documents:,}"
    if arrays.offsets[0] != 0 or (np.diff(arrays.offsets) < 1).any():
        return "the offsets do not ascend from 0"
    if arrays.tokens.min() < 0 or arrays.tokens.max() >= len(vocabulary):
        return "it has token ids that are not in its vocabulary"
    return None


def check_models(store: Store, workspace: Workspace) -> list[Issue]:
    """Check that the models of finished trials exist and have the recorded SHA-256."""
    issues = []
    for record in model_checksums(store):
        path = workspace.root / record.model
        try:
            if sha256(path) == record.sha256:
                continue
            problem = "modified: the SHA-256 differs from the recorded one"
        except FileNotFoundError:
            problem = "the file is missing"
        except OSError as error:
            problem = f"cannot be read ({error.strerror})"
        remedy = f"{_RESTORE}, or: htrans-tui retrain {record.run} {record.category}"
        issues.append(damaged("model", workspace, path, problem, remedy))
    return issues


def check_embeddings(store: Store, workspace: Workspace) -> list[Issue]:
    """Check that needed embedding tables exist, and that each matches the hash in its name."""
    issues = []
    for path in sorted(embedding_tables(store, workspace).referred):
        if not path.exists():
            if path in embedding_tables(store, workspace).needed:
                problem = "the embedding table of a model is missing"
                issues.append(damaged("embeddings", workspace, path, problem, _RESTORE))
            continue
        try:
            load_embeddings(workspace.embeddings, path.stem)
        except CorruptFileError as error:
            problem = message_without_path(path, error).removesuffix(f"; {_RESTORE}")
            issues.append(damaged("embeddings", workspace, path, problem, _RESTORE))
    return issues


def check_checkpoints(store: Store, workspace: Workspace) -> list[Issue]:
    """Check that checkpoints of unfinished trials are readable and belong to their trial.

    A checkpoint that vanishes during the check was replaced by a newer one.
    """
    issues = []
    for checkpoint in unfinished_checkpoints(store, workspace):
        try:
            read_checkpoint(checkpoint.path, trial_identity(checkpoint.run_id, checkpoint.trial_id))
        except CorruptFileError as error:
            if checkpoint.path.exists():
                subject = relative(workspace, checkpoint.path)
                message = message_without_path(checkpoint.path, error)
                problem = f"{message}; its trial resumes from the previous checkpoint"
                issues.append(Issue("checkpoint", subject, problem, FIX, fixable=True))
    return issues


def remove_damaged_checkpoints(store: Store, workspace: Workspace) -> list[Issue]:
    """Remove damaged checkpoints; return their issues."""
    issues = check_checkpoints(store, workspace)
    for issue in issues:
        (workspace.root / issue.subject).unlink(missing_ok=True)
    return issues
