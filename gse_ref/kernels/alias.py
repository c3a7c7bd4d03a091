"""Row masses, Walker's alias tables and draws from given uniforms (ALGORITHM sections 5.1 and 5.2)."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from .simd import add_up, at, zeros
from .sums import HALF, accumulate, add_products

_add_magnitudes = accumulate(lambda v, x: (v.absolute(x),))


@njit(parallel=True, cache=True)
def abs_sums(x, mass):
    """mass[i] = Σ_b |x[i, b]| in float64"""
    for i in prange(x.shape[0]):
        sums = zeros(mass, HALF)
        _add_magnitudes((sums,), (at(x, i * x.shape[1]),), (), x.shape[1])
        mass[i] = add_up(sums, HALF)


@njit(parallel=True, cache=True)
def signed_sums(x, signs, mass):
    """mass[i] = |Σ_b x[i, b] · signs[b]| in float64"""
    for i in prange(x.shape[0]):
        sums = zeros(mass, HALF)
        add_products((sums,), (at(x, i * x.shape[1]), at(signs, 0)), (), x.shape[1])
        mass[i] = abs(add_up(sums, HALF))


@njit(cache=True)
def alias_table(mass, scaled, threshold, alias, stack):
    """Vose's construction; `scaled` and `stack` are scratch of length n. Tables are exact."""
    n = mass.size
    total = 0.0
    for i in range(n):
        total += mass[i]
    small, large = 0, n  # one stack: the small grow from the left, the large from the right
    for i in range(n):
        scaled[i] = mass[i] / total * n  # in this order: n / total may overflow
        threshold[i] = 1.0
        alias[i] = i
        if scaled[i] < 1.0:
            stack[small] = i
            small += 1
        else:
            large -= 1
            stack[large] = i
    while small > 0 and large < n:
        a, b = stack[small - 1], stack[large]
        small -= 1
        threshold[a] = scaled[a]
        alias[a] = b
        scaled[b] -= 1.0 - scaled[a]
        if scaled[b] < 1.0:
            large += 1
            stack[small] = b
            small += 1


@njit(parallel=True, cache=True)
def alias_draw(threshold, alias, uniforms, slots):
    """slot = ⌊u·n⌋, coin = u·n - slot; u ≤ 1 - 2⁻⁵³ keeps u·n below n after rounding."""
    n = threshold.size
    for k in prange(uniforms.size):
        position = uniforms[k] * n
        slot = np.int64(position)
        stay = np.int64(position - slot < threshold[slot])
        other = np.int64(alias[slot])
        slots[k] = other + stay * (slot - other)  # a branch would be guessed wrong every other time
