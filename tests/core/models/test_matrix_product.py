"""Products of matrices on the CPU against torch's own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from core.models import matrix_product
from core.models.matrix_product import (
    BLOCK,
    ONEDNN,
    TORCH,
    fast_linear,
    fastest_kernel,
    product_of_columns,
    product_of_rows,
    use_kernel,
)

SIZES = [1, 511, 512, 513, 1024, 1500, 2100]
IN, OUT = 20, 12
linear = nn.functional.linear


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No choice of an operator is remembered before the test, nor after it."""
    monkeypatch.setattr(matrix_product, "_selected", None)
    for choice in (fastest_kernel, matrix_product._onednn):
        choice.cache_clear()
    yield
    for choice in (fastest_kernel, matrix_product._onednn):
        choice.cache_clear()


def draw(rows: int, width: int, seed: int, *, strided: bool = False) -> Tensor:
    """Numbers between -1 and 1; if strided, a transposed part of a larger matrix."""
    generator = torch.Generator().manual_seed(seed)
    if strided:
        return torch.rand(width + 3, rows + 2, generator=generator)[1:-2, :-2].t() * 2 - 1
    return torch.rand(rows, width, generator=generator) * 2 - 1


def near(got: Tensor, expected: Tensor) -> None:
    """Equal within the rounding of a sum of 32-bit floats."""
    assert got.dtype == torch.float32
    scale = expected.abs().max().item()
    torch.testing.assert_close(got.double(), expected, rtol=0, atol=2e-6 * max(scale, 1.0))


@pytest.mark.parametrize("strided", [False, True])
@pytest.mark.parametrize("with_bias", [False, True])
@pytest.mark.parametrize("rows", SIZES)
@pytest.mark.parametrize("product", [lambda *a: fast_linear()(*a), product_of_rows])
def test_products_of_rows_are_torchs(
    product: Callable[[Tensor, Tensor, Tensor | None], Tensor],
    rows: int,
    with_bias: bool,
    strided: bool,
) -> None:
    left, weight = draw(rows, IN, 1, strided=strided), draw(OUT, IN, 2, strided=strided)
    bias = draw(1, OUT, 3)[0]
    got = product(left, weight, bias if with_bias else None)
    near(got, linear(left.double(), weight.double(), bias.double() if with_bias else None))


@pytest.mark.parametrize("strided", [False, True])
@pytest.mark.parametrize("rows", SIZES)
def test_products_of_columns_are_torchs(rows: int, strided: bool) -> None:
    left, right = draw(rows, IN, 1, strided=strided), draw(rows, OUT, 2, strided=strided)
    near(product_of_columns(left, right), left.double().t() @ right.double())


def test_a_product_without_rows_is_empty_and_a_sum_of_none_is_zero() -> None:
    assert product_of_rows(torch.empty(0, IN), draw(OUT, IN, 2)).shape == (0, OUT)
    zeros = product_of_columns(torch.empty(0, IN), torch.empty(0, OUT))
    assert torch.equal(zeros, torch.zeros(IN, OUT))


@pytest.mark.parametrize("rows", SIZES)
def test_the_fast_operator_sees_few_numbers_of_rows(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def counting(left: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        seen.append((len(left), left.shape[1]))
        return linear(left, weight, bias)

    monkeypatch.setattr(matrix_product, "fast_linear", lambda: counting)
    product_of_rows(draw(rows, IN, 1), draw(OUT, IN, 2))
    assert seen == [(BLOCK, IN)] * (rows // BLOCK)
    seen.clear()
    product_of_columns(draw(rows, IN, 1), draw(rows, OUT, 2))
    assert set(seen) <= {(OUT, 512), (OUT, 1024)}


def test_products_of_columns_take_strided_operands() -> None:
    left, right = draw(1100, 2 * IN, 1)[:, :IN], draw(1100, 2 * OUT, 2)[:, OUT:]
    exact = (left.double().t() @ right.double()).float()
    torch.testing.assert_close(product_of_columns(left, right), exact, rtol=1e-4, atol=1e-3)


def operator(function: Callable[..., Tensor]) -> Any:
    """What stands in for `torch.ops.mkldnn`."""
    return SimpleNamespace(_linear_pointwise=SimpleNamespace(default=function))


def off_by_one(rows: Tensor, weight: Tensor, bias: Tensor | None, *rest: object) -> Tensor:
    return linear(rows, weight, bias) + 1.0


def without_bias(rows: Tensor, weight: Tensor, bias: Tensor | None, *rest: object) -> Tensor:
    return linear(rows, weight)


def deaf_to_strides(rows: Tensor, weight: Tensor, bias: Tensor | None, *rest: object) -> Tensor:
    if weight.is_contiguous():
        return linear(rows, weight, bias)
    return linear(rows, weight.t().reshape(weight.shape), bias)


def unsupported(*operands: object) -> Tensor:
    raise RuntimeError("mkldnn: not on this CPU")


def without_fusion(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return linear(rows, weight, bias)


def slow_for_strides(rows: Tensor, weight: Tensor, bias: Tensor | None, *rest: object) -> Tensor:
    if not rows.is_contiguous():
        time.sleep(0.05)
    return linear(rows, weight, bias)


@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize(
    "namespace",
    [
        SimpleNamespace(),
        SimpleNamespace(_linear_pointwise=SimpleNamespace()),
        operator(off_by_one),
        operator(without_bias),
        operator(deaf_to_strides),
        operator(unsupported),
        operator(without_fusion),
        operator(slow_for_strides),
    ],
)
def test_an_operator_that_is_missing_wrong_or_slow_is_not_used(
    namespace: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.ops, "mkldnn", namespace)
    assert fast_linear() is linear
    near(
        product_of_rows(draw(600, IN, 1), draw(OUT, IN, 2)),
        draw(600, IN, 1).double() @ draw(OUT, IN, 2).double().t(),
    )


@pytest.mark.usefixtures("forgotten")
def test_an_operator_that_is_right_is_used_and_asked_for_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls = []

    def right(rows: Tensor, weight: Tensor, bias: Tensor | None, *rest: object) -> Tensor:
        calls.append(rest)
        return linear(rows, weight, bias)

    monkeypatch.setattr(torch.ops, "mkldnn", operator(right))
    assert fast_linear() is not linear
    tried = len(calls)
    near(
        fast_linear()(draw(3, IN, 1), draw(OUT, IN, 2), None),
        draw(3, IN, 1).double() @ draw(OUT, IN, 2).double().t(),
    )
    assert len(calls) == tried + 1
    assert calls[-1] == ("none", [], "")


@pytest.mark.usefixtures("forgotten")
def test_a_recorded_kernel_is_used_although_it_is_slow_here(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(torch.ops, "mkldnn", operator(slow_for_strides))
    assert fastest_kernel() == TORCH
    use_kernel(ONEDNN)
    assert fast_linear() is not linear
    use_kernel(TORCH)
    assert fast_linear() is linear
    assert caplog.records == []


@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize("kernel", [ONEDNN, "another"])
def test_a_recorded_kernel_that_is_not_available_is_replaced_with_a_warning(
    kernel: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(torch.ops, "mkldnn", SimpleNamespace())
    use_kernel(kernel)
    assert fast_linear() is linear
    assert f"matrix kernel '{kernel}' is not available" in caplog.text
