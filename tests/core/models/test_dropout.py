"""Dropout masks: how often, by how much, from which seed."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from core.models.dropout import keep_factors

ROWS, WIDTH = 1000, 190
NUMBER = ROWS * WIDTH
ROUNDING = 0.5 / 65_536
SIGMAS = 5.0
"""By chance a share is further off than this once in almost two million draws."""


def dropped(dropout: float, seed: int = 1) -> torch.Tensor:
    return keep_factors(ROWS, WIDTH, dropout, seed) == 0.0


@pytest.mark.parametrize("dropout", [0.05, 0.25, 0.4, 0.5, 0.9])
def test_share_of_zeros_and_mean_are_what_they_should_be(dropout: float) -> None:
    factors = keep_factors(ROWS, WIDTH, dropout, seed=3)
    share = (factors == 0.0).double().mean().item()
    spread = SIGMAS * math.sqrt(dropout * (1 - dropout) / NUMBER)
    assert share == pytest.approx(dropout, abs=spread + ROUNDING)
    mean = factors.double().mean().item()
    assert mean == pytest.approx(1.0, abs=SIGMAS * math.sqrt(dropout / (1 - dropout) / NUMBER))


@pytest.mark.parametrize("dropout", [0.05, 0.4, 0.5, 0.9])
def test_a_factor_is_zero_or_makes_up_for_the_zeros(dropout: float) -> None:
    zero, kept = np.unique(keep_factors(ROWS, WIDTH, dropout, seed=3)).tolist()
    assert zero == 0.0
    assert kept == pytest.approx(1 / (1 - dropout), rel=2 * ROUNDING / (1 - dropout))


@pytest.mark.parametrize("dropout", [1e-6, 1 - 1e-6])
def test_shares_too_near_to_none_or_all_are_rounded(dropout: float) -> None:
    factors = keep_factors(ROWS, WIDTH, dropout, seed=3)
    assert factors.isfinite().all()
    assert set(np.unique(factors).tolist()) <= ({1.0} if dropout < 0.5 else {0.0, 65_536.0})


def test_without_dropout_all_factors_are_one() -> None:
    factors = keep_factors(7, 5, 0.0, seed=1)
    assert torch.equal(factors, torch.ones(7, 5))
    assert factors.dtype == torch.float32


@pytest.mark.parametrize(("rows", "width"), [(1, 1), (3, 3), (5, 1), (1, 7), (16, 192)])
def test_every_shape_is_filled(rows: int, width: int) -> None:
    factors = keep_factors(rows, width, 0.5, seed=1)
    assert factors.shape == (rows, width)
    assert set(np.unique(factors).tolist()) <= {0.0, 2.0}


@pytest.mark.parametrize("seed", [0, 5, 2**63 - 1])
def test_the_same_seed_draws_the_same_and_another_others(seed: int) -> None:
    assert torch.equal(dropped(0.4, seed), dropped(0.4, seed))
    agreeing = (dropped(0.4, seed) == dropped(0.4, seed + 1)).double().mean().item()
    by_chance = 0.4**2 + 0.6**2
    spread = SIGMAS * math.sqrt(by_chance * (1 - by_chance) / NUMBER)
    assert agreeing == pytest.approx(by_chance, abs=spread + 2 * ROUNDING)


def test_torchs_generator_is_left_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(5)
    torch.manual_seed(3)
    keep_factors(10, 10, 0.4, seed=1)
    assert torch.equal(torch.rand(5), expected)


@pytest.mark.parametrize("apart", [1, 2, 3, WIDTH])
def test_neighbours_are_dropped_independently(apart: int) -> None:
    flat = dropped(0.4).flatten()
    both = (flat[apart:] & flat[:-apart]).double().mean().item()
    # Each of the draws is in two of the pairs, so the pairs vary up to twice as much.
    spread = 2 * SIGMAS * math.sqrt(0.4**2 * (1 - 0.4**2) / NUMBER)
    assert both == pytest.approx(0.4**2, abs=spread)


def test_no_row_and_no_column_is_favoured() -> None:
    for axis, number in ((0, ROWS), (1, WIDTH)):
        shares = dropped(0.4).double().mean(dim=axis)
        # Six sigmas, since the furthest of a thousand is looked at.
        assert (shares - 0.4).abs().max().item() < 6 * math.sqrt(0.4 * 0.6 / number)
