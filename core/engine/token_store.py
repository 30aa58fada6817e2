"""Token arrays of a corpus, one set for each number of words that a run may read."""

from __future__ import annotations

import shutil
from pathlib import Path

from core.engine.processes import own_identity
from core.tokens import TokenWriter, tokenizer_for
from core.workspace import Workspace
from db.connection import Store
from db.corpora import Corpus, texts


def token_folder(workspace: Workspace, corpus_id: int, max_words: int) -> Path:
    """Where the token arrays of at least `max_words` words lie, as `ensure_tokens` left them.

    Of those that are long enough it is the shortest.
    """
    folder = workspace.corpus(corpus_id)
    there = sorted(
        int(child.name.removeprefix("tokens-"))
        for child in folder.glob("tokens-*")
        if child.name.removeprefix("tokens-").isdigit()
    )
    words = next((words for words in there if words >= max_words), max_words)
    return folder / f"tokens-{words}"


def ensure_tokens(store: Store, workspace: Workspace, corpus: Corpus, max_words: int) -> None:
    """Tokenise the corpus again if what the import left is too short for `max_words`."""
    target = token_folder(workspace, corpus.id, max_words)
    if target.exists():
        return
    temporary = target.with_name(f".{target.name}-{own_identity()[0]}")
    shutil.rmtree(temporary, ignore_errors=True)
    writer = TokenWriter(temporary, max_words)
    tokenize = tokenizer_for(corpus.language)
    try:
        for text in texts(store, corpus.id):
            writer.add(tokenize(text, max_words))
        writer.finish()
        if not target.exists():
            temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
