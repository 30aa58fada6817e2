"""Scorers: the models of a hierarchy, applied one by one or in batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
import torch

from core.corpus.examples import Examples, Rows
from core.metrics.decisions import Scores
from core.models.gru_att import GruAtt
from core.models.gru_att_stack import GruAttStack
from core.models.network import TextNetwork
from core.models.packed_gru_att import Scratch
from core.text.token_arrays import TokenArrays
from core.text.tokenizer import ALL_WORDS
from core.training.passes import PackedPass, Pass, pass_for
from core.training.scoring import logits_of, probabilities

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from core.models.linear import LinearModel
    from core.models.tfidf import TfIdf


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores (categories,) of one text and attention weights (categories, tokens).

    `attention` is None for models without attention.
    """

    scores: Scores
    attention: npt.NDArray[np.float32] | None


class Scorer(Protocol):
    """Scores texts for `categories`. `together` is True if one shared model scores all of them."""

    categories: tuple[str, ...]
    together: bool

    def score(self, token_ids: Sequence[int]) -> Scored:
        """Score one text of at least one token."""

    def scores(self, documents: TokenArrays, rows: Rows, index: int) -> Scores:
        """Scores (rows,) of documents for the category at `index` in `categories`.

        A shared model ignores `index` and returns (rows, categories).
        """


class NetworksScorer:
    """One network per category.

    On the CPU, a single text is scored by all networks at once (`core.models.gru_att_stack`). For
    many documents the networks run one after the other and share buffers.
    """

    together = False

    def __init__(self, networks: Mapping[str, TextNetwork], device: torch.device) -> None:
        self.categories = tuple(networks)
        self._device = device
        self._networks = [network.to(device).eval() for network in networks.values()]
        self._stack: GruAttStack | None = None
        self._scratch = Scratch()
        self._passes: dict[int, Pass] = {}

    def score(self, token_ids: Sequence[int]) -> Scored:
        """Score one text: on the CPU with all networks at once, elsewhere one by one."""
        if self._device.type == "cpu" and all(isinstance(n, GruAtt) for n in self._networks):
            if self._stack is None:
                networks = [n for n in self._networks if isinstance(n, GruAtt)]
                self._stack = GruAttStack(networks)
            stacked = self._stack.scores(token_ids)
            return Scored(probabilities(stacked.logits.numpy()), stacked.attention.numpy())
        results = [_score(network, token_ids, self._device) for network in self._networks]
        scores = np.concatenate([result.scores for result in results])
        attention = [result.attention for result in results if result.attention is not None]
        return Scored(scores, np.concatenate(attention) if len(attention) == len(results) else None)

    def scores(self, documents: TokenArrays, rows: Rows, index: int) -> Scores:
        """Scores (rows,) by the network of the category at `index`."""
        runner = self._passes.get(index)
        if runner is None:
            network = self._networks[index]
            if self._device.type == "cpu" and isinstance(network, GruAtt):
                runner = PackedPass(network, None, self._scratch)
            else:
                runner = pass_for(network, self._device)
            self._passes[index] = runner
        targets = np.zeros(len(rows), dtype=np.bool_)
        return probabilities(logits_of(runner, Examples(documents, rows, targets, ALL_WORDS)))


class SharedNetworkScorer:
    """One shared network with an output per category."""

    together = True

    def __init__(
        self, network: TextNetwork, categories: tuple[str, ...], device: torch.device
    ) -> None:
        self.categories = categories
        self._network = network.to(device).eval()
        self._device = device
        self._pass = pass_for(self._network, device)

    def score(self, token_ids: Sequence[int]) -> Scored:
        """Score one text; all categories have the same attention."""
        return _score(self._network, token_ids, self._device)

    def scores(self, documents: TokenArrays, rows: Rows, index: int) -> Scores:  # noqa: ARG002
        """Scores (rows, categories) of all categories."""
        targets = np.zeros((len(rows), len(self.categories)), dtype=np.bool_)
        examples = Examples(documents, rows, targets, ALL_WORDS)
        return probabilities(logits_of(self._pass, examples))


class LinearScorer:
    """One linear model per category. The TF-IDF vectors are shared by all categories."""

    together = False

    def __init__(self, models: Mapping[str, LinearModel], tfidf: TfIdf) -> None:
        self.categories = tuple(models)
        self._models = tuple(models.values())
        self._tfidf = tfidf
        self._cached: tuple[TokenArrays, csr_array] | None = None

    def score(self, token_ids: Sequence[int]) -> Scored:
        """Score one text, with one product per category."""
        vector = self._tfidf.vector(token_ids)
        scores = [model.probabilities(vector)[0] for model in self._models]
        return Scored(np.asarray(scores, dtype=np.float32), None)

    def scores(self, documents: TokenArrays, rows: Rows, index: int) -> Scores:
        """Scores (rows,) by the model of the category at `index`."""
        if self._cached is None or self._cached[0] is not documents:
            all_rows = np.arange(len(documents), dtype=np.int64)
            self._cached = documents, self._tfidf.vectors(documents, all_rows)
        return self._models[index].probabilities(self._cached[1][rows])


@torch.inference_mode()
def _score(network: TextNetwork, token_ids: Sequence[int], device: torch.device) -> Scored:
    tokens = torch.tensor([token_ids], device=device)
    encoded = network(tokens, torch.tensor([len(token_ids)], device=device))
    attention = encoded.attention
    scores = probabilities(encoded.logits[0].float().cpu().numpy())
    if attention is None:
        return Scored(scores, None)
    weights = attention.float().cpu().numpy()
    return Scored(scores, np.broadcast_to(weights, (len(scores), weights.shape[1])))
