"""A trained hierarchy, applied to typed text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from core.decisions import CategoryRule, Scores, consistent
from core.examples import Examples
from core.models.network import TextNetwork
from core.scoring import probabilities
from core.taxonomy import Taxonomy
from core.tokens import TokenArrays, Vocabulary
from core.word_graph import grid

if TYPE_CHECKING:
    from core.models.linear import LinearModel
    from core.tfidf import TfIdf


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores (categories,) of a text, and the attention on each of its tokens, if there is any."""

    scores: Scores
    attention: tuple[float, ...] | None


class Scorer(Protocol):
    """Scores a text for the categories that one model serves."""

    categories: tuple[str, ...]

    def score(self, tokens: Sequence[str]) -> Scored:
        """Score a text of at least one token."""


class NetworkScorer:
    """A neural network. With `as_graph` it reads the graph of the words, not their sequence."""

    def __init__(
        self,
        network: TextNetwork,
        categories: tuple[str, ...],
        vocabulary: Vocabulary,
        device: torch.device,
        *,
        as_graph: bool = False,
    ) -> None:
        self.categories = categories
        self._network = network.to(device).eval()
        self._vocabulary = vocabulary
        self._device = device
        self._as_graph = as_graph

    @torch.inference_mode()
    def score(self, tokens: Sequence[str]) -> Scored:
        """One pass of the network."""
        read = grid(tokens) if self._as_graph else tokens
        arrays = TokenArrays.of([self._vocabulary.encode(read)])
        targets = np.zeros((1, len(self.categories)), dtype=np.bool_)
        one = np.zeros(1, dtype=np.int64)
        batch = Examples(arrays, one, targets, len(read)).batch(one, self._device)
        encoded = self._network(batch.tokens, batch.lengths)
        attention = encoded.attention
        return Scored(
            probabilities(encoded.logits[0].float().cpu().numpy()),
            None if attention is None else tuple(attention[0].cpu().tolist()),
        )


class LinearScorer:
    """The linear models of all categories: their vector is made once for a text."""

    def __init__(
        self, models: Mapping[str, LinearModel], vocabulary: Vocabulary, tfidf: TfIdf
    ) -> None:
        self.categories = tuple(models)
        self._models = tuple(models.values())
        self._vocabulary = vocabulary
        self._tfidf = tfidf

    def score(self, tokens: Sequence[str]) -> Scored:
        """One product for each category."""
        vector = self._tfidf.vector(self._vocabulary.encode(tokens))
        found = [model.probabilities(vector)[0] for model in self._models]
        return Scored(np.asarray(found, dtype=np.float32), None)


@dataclass(frozen=True, slots=True)
class Classification:
    """What a hierarchy says of one text.

    `labels`: accepted categories; `scores`: probability of each category, 0 where none was trained;
    `attention`: for each category whose network has attention one weight per token, adding up to 1.
    """

    labels: tuple[str, ...]
    scores: dict[str, float]
    tokens: tuple[str, ...]
    attention: dict[str, tuple[float, ...]]


class Classifier:
    """The models of a run, the rules by which they decide, and how they read a text."""

    def __init__(
        self,
        taxonomy: Taxonomy,
        scorers: Sequence[Scorer],
        rules: Mapping[str, CategoryRule],
        read: Callable[[str], list[str]],
        direction: str = "no",
    ) -> None:
        """`taxonomy` has the run's categories; `direction` is that of `DecisionRule.consistent`."""
        self._taxonomy = taxonomy
        self._scorers = tuple(scorers)
        self._rules = rules
        self._read = read
        self._direction = direction

    def classify(
        self, text: str, stop: Callable[[], bool] = lambda: False
    ) -> Classification | None:
        """Classify one text; None if `stop` says so before all categories are done.

        A text without any word gets no label and probability 0 everywhere.
        """
        tokens = tuple(self._read(text))
        ids = tuple(category.id for category in self._taxonomy)
        scores = dict.fromkeys(ids, 0.0)
        attention: dict[str, tuple[float, ...]] = {}
        accepted = dict.fromkeys(ids, False)
        for scorer in self._scorers if tokens else ():
            if stop():
                return None
            found = scorer.score(tokens)
            for place, category_id in enumerate(scorer.categories):
                rule, score = self._rules[category_id], found.scores[place : place + 1]
                scores[category_id] = float(rule.probabilities(score)[0])
                accepted[category_id] = bool(rule.accepts(score)[0])
                if found.attention is not None:
                    attention[category_id] = found.attention
        row = np.array([[accepted[category_id] for category_id in ids]], dtype=np.bool_)
        decided = consistent(row, ids, self._taxonomy, self._direction)[0]
        labels = tuple(key for key, yes in zip(ids, decided, strict=True) if yes)
        return Classification(labels, scores, tokens, attention)
