"""A small hierarchy of random networks."""

from __future__ import annotations

import torch
from torch import Tensor

from core.corpus.taxonomy import Edge, Taxonomy
from core.metrics.calibration import Calibration
from core.metrics.decisions import CategoryRule
from core.models.gru_att import GruAtt
from core.models.model_files import EMBEDDINGS, ModelInfo
from core.prediction.exported import ExportedModel, Hierarchy
from core.text.vocabulary import PADDING, Vocabulary

WORDS = ["fur", "paw", "bark", "puppy", "purr", "loaf", "crust", "the", "a", "and", ",", "."]
TEXTS = ["The puppy and the paw.", "", "loaf, crust and whatever", "bark", "purr " * 50]
TREE = Taxonomy(
    [
        Edge("animals", None, "Animals"),
        Edge("cats", "animals", "Cats"),
        Edge("dogs", "animals", "Dogs"),
        Edge("food", None, "Food"),
    ]
)
RULES = {
    "animals": CategoryRule(0.5),
    "cats": CategoryRule(0.4, Calibration(2.0, 0.3)),
    "dogs": CategoryRule.calibrated(Calibration(0.7, -0.2)),
}


def table(seed: int) -> Tensor:
    made = torch.randn(len(WORDS) + 2, 6, generator=torch.Generator().manual_seed(seed))
    made[PADDING] = 0
    return made


def model(seed: int, categories: tuple[str, ...], embeddings: str = "t0") -> ExportedModel:
    generator = torch.Generator().manual_seed(seed)
    network = GruAtt(table(0), 8, dropout=0.4, outputs=len(categories))
    state = {
        name: torch.randn(value.shape, generator=generator) * 0.6
        for name, value in network.state_dict().items()
        if name != EMBEDDINGS
    }
    return ExportedModel(ModelInfo("gru-att", categories, 1.0, embeddings, 8, 0.4), state)


def hierarchy(tree: Taxonomy = TREE) -> Hierarchy:
    """Three networks on two embedding tables, and a category without one."""
    return Hierarchy(
        system="htrans",
        language="en",
        max_words=40,
        as_graph=False,
        consistent="no",
        taxonomy=tree,
        vocabulary=Vocabulary(WORDS),
        models=[model(1, ("animals",)), model(2, ("cats",)), model(3, ("dogs",), "t1")],
        tables={"t0": table(0), "t1": table(1)},
        rules=RULES,
        bounds={"cats": 0.05, "dogs": 0.01},
        facts={"run": "small", "note": "größer\n"},
    )
