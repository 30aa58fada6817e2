"""Small models that spaCy itself saves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import spacy

# "mark" and "NOUN" are among spaCy's own symbols, which no model lists.
WORDS = {"tide": [1, 2, 3], "mark": [4, 5, 6], "New York": [7, 8, 9], "NOUN": [1, 1, 1]}


def model(folder: Path, words: dict[str, list[int]] | None = None) -> Path:
    nlp: Any = spacy.blank("en")
    for word, numbers in (WORDS if words is None else words).items():
        nlp.vocab.set_vector(word, np.array(numbers, dtype=np.float32))
    nlp.to_disk(folder)
    return folder
