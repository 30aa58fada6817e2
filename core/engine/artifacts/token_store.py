"""Token arrays of a corpus, one set for each document length that a run reads.

`tokens-100` holds the first 100 words of each document, `tokens-all` all words. `graphs-100` holds
the word graph of the first 100 words (`core.text.word_graph`), flattened to one row of ids per
document.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from core.engine.host.identity import own_identity
from core.progress import Progress
from core.text.token_arrays import TokenWriter
from core.text.tokenizer import ALL_WORDS, tokenizer_for
from core.workspace import Workspace
from db.connection import Store
from db.corpora import Corpus, texts

TOKEN_FOLDER = re.compile(r"(tokens|graphs)-(\d+|all)")
"""Groups: kind of array, maximum words of a document."""


def token_folder(workspace: Workspace, corpus_id: int, max_words: int) -> Path:
    """The folder of the shortest token arrays with at least `max_words` words; 0 means all words.

    The folder exists after `ensure_tokens`.
    """
    folder = workspace.corpus(corpus_id)
    folders = sorted(
        (ALL_WORDS if match[2] == "all" else int(match[2]), child)
        for child in folder.glob("tokens-*")
        if (match := TOKEN_FOLDER.fullmatch(child.name))
    )
    long_enough = (child for words, child in folders if words >= (max_words or ALL_WORDS))
    return next(long_enough, folder / f"tokens-{max_words or 'all'}")


def graph_folder(workspace: Workspace, corpus_id: int, max_words: int) -> Path:
    """The folder of the word graphs of the first `max_words` words. See `ensure_graphs`."""
    return workspace.corpus(corpus_id) / f"graphs-{max_words or 'all'}"


def ensure_tokens(
    store: Store,
    workspace: Workspace,
    corpus: Corpus,
    max_words: int,
    progress: Progress = lambda _done, _total: None,
) -> None:
    """Tokenise the corpus again if the existing arrays have fewer than `max_words` words."""
    target = token_folder(workspace, corpus.id, max_words)
    if target.exists():
        return
    tokenize = tokenizer_for(corpus.language)
    words = max_words or ALL_WORDS
    _write(store, corpus, target, words, lambda text: tokenize(text, words), progress)


def ensure_graphs(
    store: Store,
    workspace: Workspace,
    corpus: Corpus,
    max_words: int,
    progress: Progress = lambda _done, _total: None,
) -> None:
    """Write the word graphs of the corpus unless they exist."""
    target = graph_folder(workspace, corpus.id, max_words)
    if target.exists():
        return
    from core.text.word_graph import GRID, content_words_for, grid

    content_words = content_words_for(corpus.language)
    words = max_words or ALL_WORDS
    _write(store, corpus, target, GRID, lambda text: grid(content_words(text, words)), progress)


def _write(
    store: Store,
    corpus: Corpus,
    target: Path,
    max_tokens: int,
    read: Callable[[str], Iterable[str]],
    progress: Progress,
) -> None:
    temporary = target.with_name(f".{target.name}-{own_identity()[0]}")
    shutil.rmtree(temporary, ignore_errors=True)
    writer = TokenWriter(temporary, max_tokens)
    try:
        for done, text in enumerate(texts(store, corpus.id)):
            progress(done, corpus.documents)
            writer.add(read(text))
        writer.finish()
        if not target.exists():
            temporary.rename(target)
    finally:
        writer.close()
        shutil.rmtree(temporary, ignore_errors=True)
