"""Matrix products on the CPU, by the fastest library in this build of torch.

torch uses its BLAS for float32 products. oneDNN, which most builds include, took about half the
time in the measurements of docs/performance.md. torch exposes oneDNN's product only through an
operator of its compiler. The operator is used if it exists, computes the correct product and has a
fast kernel on this machine. A training run records the kernel that its first worker chose, and all
its workers use that one.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor, nn

BLOCK = 512
"""Rows per block where rows are independent; one block fits a core's cache."""
_SUM_BLOCK = 1024
_MAX_SLOWDOWN = 4.0

Linear = Callable[[Tensor, Tensor, Tensor | None], Tensor]


ONEDNN = "onednn"
TORCH = "torch"

_log = logging.getLogger("htrans.kernel")
_selected: str | None = None


def use_kernel(kernel: str) -> None:
    """Use a kernel in this process from now on; warn and use torch's if it is not available."""
    global _selected
    if kernel != TORCH and (kernel != ONEDNN or _onednn() is None):
        _log.warning("matrix kernel %r is not available on this machine; using %r", kernel, TORCH)
        kernel = TORCH
    _selected = kernel


@cache
def fastest_kernel() -> str:
    """The name of the fastest kernel on this machine, measured once per process."""
    linear = _onednn()
    try:
        return ONEDNN if linear is not None and _is_no_slower(linear) else TORCH
    except (RuntimeError, TypeError, NotImplementedError):
        return TORCH


def fast_linear() -> Linear:
    """Return a faster equivalent of `torch.nn.functional.linear`, without gradients.

    The function takes input (rows, in), weight (out, in) and bias (out,) or None, all float32 on
    the CPU. The bias must be contiguous; the others may have strides. The first call with a new
    number of rows may take milliseconds, so callers use few different numbers of rows.
    """
    linear = _onednn() if (_selected or fastest_kernel()) == ONEDNN else None
    return linear or nn.functional.linear


@cache
def _onednn() -> Linear | None:
    """The product of oneDNN; None if this build of torch lacks it or its result is wrong."""
    try:
        operator = torch.ops.mkldnn._linear_pointwise.default

        def linear(rows: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
            return operator(rows, weight, bias, "none", [], "")  # type: ignore[no-any-return]

        return linear if _is_correct(linear) else None
    except (AttributeError, RuntimeError, TypeError, NotImplementedError):
        return None


def product_of_rows(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`torch.nn.functional.linear` in blocks: (rows, in) and (out, in) give (rows, out).

    torch computes the incomplete last block, so that oneDNN always gets the same number of rows.
    """
    end = len(rows) // BLOCK * BLOCK
    if end == BLOCK == len(rows):
        return fast_linear()(rows, weight, bias)
    out = torch.empty(len(rows), len(weight))
    for start in range(0, end, BLOCK):
        block = slice(start, start + BLOCK)
        out[block] = fast_linear()(rows[block], weight, bias)
    out[end:] = nn.functional.linear(rows[end:], weight, bias)
    return out


def product_of_columns(left: Tensor, right: Tensor) -> Tensor:
    """`left.T @ right` in blocks: (rows, a) and (rows, b) give (a, b).

    oneDNN gets the transposed problem, which it solves faster if a is greater than b. It has no
    fast kernel for strided operands, so these are made contiguous.
    """
    if not (left.is_contiguous() and right.is_contiguous()):
        left, right = left.contiguous(), right.contiguous()
    size = _SUM_BLOCK if len(left) >= _SUM_BLOCK else BLOCK
    end = len(left) // size * size
    out = right[end:].t() @ left[end:]
    for start in range(0, end, size):
        block = slice(start, start + size)
        out += fast_linear()(right[block].t(), left[block].t(), None)
    return out.t()


def _is_correct(linear: Linear) -> bool:
    """Return True if `linear` agrees with torch, including for strided operands."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.rand(32, 24, generator=generator)[:, :16]
    weight = torch.rand(16, 8, generator=generator).t()
    bias = torch.rand(8, generator=generator)
    return all(
        torch.allclose(linear(rows, weight, b), nn.functional.linear(rows, weight, b), atol=1e-5)
        for b in (bias, None)
    )


def _is_no_slower(linear: Linear) -> bool:
    """Return True if `linear` is not much slower than torch on typical products.

    Without a kernel for a layout, oneDNN is hundreds of times slower. `_MAX_SLOWDOWN` is far from
    1, so timing noise does not change the result.
    """
    columns = torch.ones(BLOCK, 96), torch.ones(BLOCK, 192)
    products = ((torch.ones(128, 96), torch.ones(288, 96)), (columns[0].t(), columns[1].t()))
    return all(
        _seconds(linear, *operands) < _MAX_SLOWDOWN * _seconds(nn.functional.linear, *operands)
        for operands in products
    )


def _seconds(linear: Linear, rows: Tensor, weight: Tensor) -> float:
    times = []
    for _ in range(5):
        started = time.perf_counter()
        linear(rows, weight, None)
        times.append(time.perf_counter() - started)
    return min(times)
