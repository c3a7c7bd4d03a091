"""The shadow backend notices every difference and passes everything else on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest

from gse_ref.backends import Backend, Geometry, get, shadow
from gse_ref.conformance.strategies import of_mask
from gse_ref.errors import MismatchError

NAIVE = get("naive")
TOPOLOGY = of_mask(np.array([[1, 0, 1, 1], [0, 0, 0, 0], [0, 1, 1, 0]], bool))
PATTERN = (TOPOLOGY.indptr, TOPOLOGY.indices)
PLAN = NAIVE.transpose_index(*PATTERN, 4)
VALUES, X, DY = (np.random.default_rng(4).random(shape) + 0.5 for shape in (5, (4, 6), (3, 6)))
PAIRS = (np.array([0, 1, 1], np.int32), np.array([1, 3, 3], np.int32))
MASS = np.array([1.0, 2.0, 5.0])

GENERATOR = np.random.default_rng(6)
IMAGES, MORE, PULL = (GENERATOR.standard_normal((2, 3, 4, 5)) for _ in range(3))
GAMMA, BETA, MEAN = (GENERATOR.standard_normal(2) for _ in range(3))
WINDOWS = Geometry(2, 1, 1)
KERNELS = of_mask(GENERATOR.random((3, 8)) < 0.5)
KERNEL_PATTERN, KERNEL_PLAN = (KERNELS.indptr, KERNELS.indices), KERNELS.transpose
WEIGHTS, DELTA = GENERATOR.standard_normal(KERNELS.nnz), GENERATOR.standard_normal((3, 4, 5, 5))
SIGNS = 2.0 * GENERATOR.integers(0, 2, (4, 5, 5)) - 1
POOLED, TAPS = NAIVE.max_pool(IMAGES, WINDOWS)

CALLS: dict[str, tuple[Any, ...]] = {
    "spmm": (*PATTERN, VALUES, X, np.ones(3)),
    "spmm_t": (PLAN, VALUES, DY),
    "spmm_backward": (PLAN, VALUES, X, DY),
    "sddmm": (*PATTERN, DY, X),
    "sddmm_pairs": (*PAIRS, DY, X),
    "gradient_rows": (DY, X),
    "relu_backward": (X, -X),
    "gather": (X, np.array([0, 0]), 0.5, 0.25, np.dtype(np.float64)),
    "abs_sums": (X,),
    "signed_sums": (X, np.array([1.0, -1, 1, 1, 1, -1])),
    "alias_table": (MASS,),
    "alias_draw": (NAIVE.alias_table(MASS), np.array([0.1, 0.9])),
    "candidates": (*PAIRS, *PATTERN, 4),
    "inactive": (*PATTERN, 4),
    "top_k": (np.array([3.0, 1.0, 2.0]), 2),
    "merge": (*PATTERN, np.array([1]), np.array([1], np.int32), np.array([2], np.int32)),
    "carry": (VALUES, np.array([2, -1, 0, 1, 3], np.int32), 4),
    "transpose_index": (*PATTERN, 4),
    "conv": (*KERNEL_PATTERN, WEIGHTS, IMAGES, WINDOWS, np.ones(3)),
    "conv_t": (KERNEL_PLAN, WEIGHTS, DELTA, WINDOWS, (3, 4)),
    "conv_backward": (KERNEL_PLAN, WEIGHTS, IMAGES, DELTA, WINDOWS),
    "conv_pairs": (KERNELS.rows, KERNELS.indices, DELTA, IMAGES, WINDOWS),
    "conv_rows": (DELTA, IMAGES, WINDOWS),
    "patch_abs_sums": (IMAGES, WINDOWS),
    "patch_signed_sums": (IMAGES, SIGNS, WINDOWS),
    "batch_norm": (IMAGES, GAMMA, BETA, 1e-5, MORE, True),
    "normalise": (IMAGES, GAMMA, BETA, MEAN, MEAN * MEAN, 1e-5, MORE, True),
    "batch_norm_backward": (IMAGES, MORE, PULL, GAMMA, MEAN, MEAN * MEAN, 1e-5, True, True),
    "max_pool": (IMAGES, WINDOWS),
    "unpool": (POOLED, TAPS, WINDOWS, (3, 4)),
    "pick": (IMAGES, TAPS, WINDOWS),
}


def parts(result: Any) -> tuple[np.ndarray, ...]:
    return tuple(result) if isinstance(result, tuple) else (result,)


def spoiled(
    function: Callable[..., Any], part: int, spoil: Callable[[np.ndarray], np.ndarray]
) -> Callable[..., Any]:
    """Return `function` with one of its results changed."""

    def broken(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        changed = [spoil(a.copy()) if number == part else a for number, a in enumerate(parts(result))]
        return tuple(changed) if isinstance(result, tuple) else changed[0]

    return broken


def off_by_a_little(array: np.ndarray) -> np.ndarray:
    array.reshape(-1)[-1] += 1 if array.dtype.kind in "iu" else 1e-9
    return array


def in_another_dtype(array: np.ndarray) -> np.ndarray:
    return array.astype(np.int16 if array.dtype.kind in "iu" else np.float32)


def one_short(array: np.ndarray) -> np.ndarray:
    return array[:-1]


EVERY = [(name, part) for name in sorted(CALLS) for part in range(len(parts(getattr(NAIVE, name)(*CALLS[name]))))]


def test_every_function_is_called_here() -> None:
    assert set(CALLS) == {field.name for field in fields(Backend)} - {"name"}


@pytest.mark.parametrize("name", sorted(CALLS))
def test_agreement_passes_the_result_on(name: str) -> None:
    main = replace(NAIVE, name="main")
    actual, expected = getattr(shadow(main, NAIVE), name)(*CALLS[name]), getattr(NAIVE, name)(*CALLS[name])
    assert type(actual) is type(expected)
    for a, e in zip(parts(actual), parts(expected), strict=True):
        np.testing.assert_array_equal(a, e)


@pytest.mark.parametrize(("name", "part"), EVERY)
@pytest.mark.parametrize("spoil", [off_by_a_little, in_another_dtype, one_short])
def test_each_planted_fault_is_caught(name: str, part: int, spoil: Callable[[np.ndarray], np.ndarray]) -> None:
    broken = replace(NAIVE, name="broken", **{name: spoiled(getattr(NAIVE, name), part, spoil)})
    with pytest.raises(MismatchError, match=rf"broken and naive differ in {name}, result {part}: ") as caught:
        getattr(shadow(broken, NAIVE), name)(*CALLS[name])
    assert "got " in str(caught.value)
    assert "expected " in str(caught.value)


def test_the_message_says_where_and_by_how_much() -> None:
    broken = replace(NAIVE, name="broken", spmm=spoiled(NAIVE.spmm, 0, off_by_a_little))
    with pytest.raises(MismatchError, match=r"at \(2, 5\): error 1e-09 exceeds the bound"):
        shadow(broken, NAIVE).spmm(*CALLS["spmm"])


def test_keyword_arguments_count_too() -> None:
    both = shadow(get("cpu"), NAIVE)
    y = both.spmm(*PATTERN, VALUES, X, bias=np.array([1.0, 2.0, 3.0]))
    np.testing.assert_array_equal(y[1], np.full(6, 2.0))


def test_rounding_is_allowed_and_more_is_not() -> None:
    def nudge(steps: int) -> Callable[[np.ndarray], np.ndarray]:
        return lambda y: y + steps * np.finfo(np.float64).eps * y

    for steps, fine in ((1, True), (4000, False)):
        main = replace(NAIVE, spmm=spoiled(NAIVE.spmm, 0, nudge(steps)))
        if fine:
            shadow(main, NAIVE).spmm(*CALLS["spmm"])
        else:
            with pytest.raises(MismatchError):
                shadow(main, NAIVE).spmm(*CALLS["spmm"])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_must_agree(bad: float) -> None:
    x = X.copy()
    x[1, 2] = bad
    shadow(replace(NAIVE, name="main"), NAIVE).spmm(*PATTERN, VALUES, x)

    def clean(y: np.ndarray) -> np.ndarray:
        return np.nan_to_num(y, posinf=0, neginf=0)

    with pytest.raises(MismatchError):
        shadow(replace(NAIVE, spmm=spoiled(NAIVE.spmm, 0, clean)), NAIVE).spmm(*PATTERN, VALUES, x)


def test_carried_values_must_agree_in_the_sign_of_zero() -> None:
    broken = replace(NAIVE, carry=spoiled(NAIVE.carry, 0, lambda moved: moved + 0.0))
    with pytest.raises(MismatchError):
        shadow(broken, NAIVE).carry(np.array([-0.0, 1.0]), np.array([0, 1], np.int32), 2)
