"""What gives scores to texts: the models of a hierarchy, one by one or many at once."""

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
    """What one text scores: `scores` (categories,).

    `attention` is that on each token, (categories, tokens), None where there is none.
    """

    scores: Scores
    attention: npt.NDArray[np.float32] | None


class Scorer(Protocol):
    """Scores texts for `categories`; with `together` one model gives the scores of all of them."""

    categories: tuple[str, ...]
    together: bool

    def score(self, token_ids: Sequence[int]) -> Scored:
        """Score one text of at least one token."""

    def scores(self, documents: TokenArrays, rows: Rows, place: int) -> Scores:
        """Scores (rows,) of documents for the category at `place`.

        With `together` it is (rows, categories), and `place` means nothing.
        """


class NetworksScorer:
    """One network for each category.

    On the CPU those of one text go through the network together (`core.models.gru_att_stack`), and
    those of many documents take turns, with memory that they share.
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
        """On the CPU all networks at once, elsewhere one after the other."""
        if self._device.type == "cpu" and all(isinstance(n, GruAtt) for n in self._networks):
            if self._stack is None:
                networks = [n for n in self._networks if isinstance(n, GruAtt)]
                self._stack = GruAttStack(networks)
            found = self._stack.scores(token_ids)
            return Scored(probabilities(found.logits.numpy()), found.attention.numpy())
        each = [_score(network, token_ids, self._device) for network in self._networks]
        scores = np.concatenate([one.scores for one in each])
        attention = [one.attention for one in each if one.attention is not None]
        return Scored(scores, np.concatenate(attention) if len(attention) == len(each) else None)

    def scores(self, documents: TokenArrays, rows: Rows, place: int) -> Scores:
        """By the network of the category at `place`."""
        runner = self._passes.get(place)
        if runner is None:
            network = self._networks[place]
            if self._device.type == "cpu" and isinstance(network, GruAtt):
                runner = PackedPass(network, None, self._scratch)
            else:
                runner = pass_for(network, self._device)
            self._passes[place] = runner
        nothing = np.zeros(len(rows), dtype=np.bool_)
        return probabilities(logits_of(runner, Examples(documents, rows, nothing, ALL_WORDS)))


class SharedNetworkScorer:
    """One network with an output for each category."""

    together = True

    def __init__(
        self, network: TextNetwork, categories: tuple[str, ...], device: torch.device
    ) -> None:
        self.categories = categories
        self._network = network.to(device).eval()
        self._device = device
        self._pass = pass_for(self._network, device)

    def score(self, token_ids: Sequence[int]) -> Scored:
        """One pass of the network; every category has the same attention."""
        return _score(self._network, token_ids, self._device)

    def scores(self, documents: TokenArrays, rows: Rows, place: int) -> Scores:  # noqa: ARG002
        """Of all categories, (rows, categories)."""
        nothing = np.zeros((len(rows), len(self.categories)), dtype=np.bool_)
        examples = Examples(documents, rows, nothing, ALL_WORDS)
        return probabilities(logits_of(self._pass, examples))


class LinearScorer:
    """A linear model for each category; a text's vector is made once for all of them."""

    together = False

    def __init__(self, models: Mapping[str, LinearModel], tfidf: TfIdf) -> None:
        self.categories = tuple(models)
        self._models = tuple(models.values())
        self._tfidf = tfidf
        self._seen: tuple[TokenArrays, csr_array] | None = None

    def score(self, token_ids: Sequence[int]) -> Scored:
        """One product for each category."""
        vector = self._tfidf.vector(token_ids)
        found = [model.probabilities(vector)[0] for model in self._models]
        return Scored(np.asarray(found, dtype=np.float32), None)

    def scores(self, documents: TokenArrays, rows: Rows, place: int) -> Scores:
        """By the model of the category at `place`."""
        if self._seen is None or self._seen[0] is not documents:
            every = np.arange(len(documents), dtype=np.int64)
            self._seen = documents, self._tfidf.vectors(documents, every)
        return self._models[place].probabilities(self._seen[1][rows])


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
