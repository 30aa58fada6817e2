"""A trained hierarchy: one network per category, applied to documents and to typed text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from core.examples import Examples
from core.models.gru_att import GruAtt
from core.scoring import probabilities
from core.tokens import TokenArrays, Tokenize, Vocabulary


@dataclass(frozen=True, slots=True)
class CategoryModel:
    """A category's network, None if it was never trained, and its decision threshold."""

    category_id: str
    network: GruAtt | None
    threshold: float


@dataclass(frozen=True, slots=True)
class Classification:
    """What a hierarchy says of one text.

    `labels`: accepted categories; `scores`: probability of each category, 0 where none was trained;
    `attention`: for each trained category one weight per token, adding up to 1.
    """

    labels: tuple[str, ...]
    scores: dict[str, float]
    tokens: tuple[str, ...]
    attention: dict[str, tuple[float, ...]]


class Classifier:
    """The categories' networks with the vocabulary and tokenizer that they were trained with."""

    def __init__(
        self,
        models: Sequence[CategoryModel],
        vocabulary: Vocabulary,
        tokenize: Tokenize,
        max_words: int,
        device: torch.device,
    ) -> None:
        self.models = tuple(models)
        self._vocabulary = vocabulary
        self._tokenize = tokenize
        self._max_words = max_words
        self._device = device
        for model in self.models:
            if model.network is not None:
                model.network.to(device).eval()

    @torch.inference_mode()
    def classify(
        self, text: str, stop: Callable[[], bool] = lambda: False
    ) -> Classification | None:
        """Classify one text; None if `stop` says so before all categories are done.

        A text without any word gets no label and probability 0 everywhere.
        """
        tokens = tuple(self._tokenize(text, self._max_words))
        scores: dict[str, float] = dict.fromkeys((m.category_id for m in self.models), 0.0)
        attention: dict[str, tuple[float, ...]] = {}
        if not tokens:
            return Classification((), scores, tokens, attention)
        arrays = TokenArrays.of([self._vocabulary.encode(tokens)])
        examples = Examples(arrays, np.arange(1), np.zeros(1, dtype=np.bool_), self._max_words)
        batch = examples.batch(np.arange(1), self._device)
        for model in self.models:
            if stop():
                return None
            if model.network is not None:
                encoded = model.network(batch.tokens, batch.lengths)
                score = probabilities(encoded.logits.squeeze(1).cpu().numpy())
                scores[model.category_id] = float(score[0])
                attention[model.category_id] = tuple(encoded.attention[0].cpu().tolist())
        labels = tuple(
            m.category_id
            for m in self.models
            if m.network is not None and scores[m.category_id] >= m.threshold
        )
        return Classification(labels, scores, tokens, attention)
