"""Batch normalisation with residual and ReLU, a channel at a time, so that a second pass finds it in the cache.

All operands are (channels, size): the positions and samples of a channel lie one after another.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from .simd import add_up, at, fence, fma, stream, tile, zeros
from .sums import HALF, accumulate

#: Elements summed in the dtype of x before they go to float64: they fit the first-level cache.
CHUNK = 2048
#: Elements that are written past the caches, at a time; a divisor of CHUNK.
PIECE = 128


@njit(inline="always")
def _hat(value, centre, scale, offset):
    return fma(value - centre, scale, -offset)


def _centred(v, x, centre):
    apart = v.subtract(x, centre)
    return apart, (apart, apart)


_add_elements = accumulate(lambda v, x: (x,))
_add_centred = accumulate(_centred)


@njit
def _sum(part, size):
    sums = zeros(part, HALF)
    _add_elements((sums,), (part,), (), size)
    return add_up(sums, HALF)


@njit
def _deviations(part, size, centre):
    """Return Σ(x - centre) and Σ(x - centre)²."""
    first, second = zeros(part, HALF), zeros(part, HALF)
    _add_centred((first, second), (part,), (centre,), size)
    return add_up(first, HALF), add_up(second, HALF)


@njit
def _plain_moments(part, size):
    """Mean and variance as they are defined, in float64: where a chunk overflows or holds what is not finite."""
    mean, squares = 0.0, 0.0
    for k in range(size):
        mean += np.float64(part[k])
    mean /= size
    for k in range(size):
        d = np.float64(part[k]) - mean
        squares += d * d
    return mean, squares / size


@njit
def _moments(x, c):
    """Mean and variance of channel c: sums about the mean of each chunk, merged in float64 (Chan et al. 1983)."""
    size = x.shape[1]
    mean, squares = 0.0, 0.0
    for start in range(0, size, CHUNK):
        count = min(CHUNK, size - start)
        part = at(x, c * size + start)
        centre = x.dtype.type(_sum(part, count) / count)
        first, second = _deviations(part, count, centre)
        shift = np.float64(first) / count
        apart = np.float64(centre) + shift - mean
        mean += apart * (count / (start + count))
        squares += (
            np.float64(second) - shift * np.float64(first) + apart * apart * (start / (start + count) * count)
        )
    if not np.isfinite(squares):
        return _plain_moments(at(x, c * size), size)
    return mean, max(squares, 0.0) / size


@njit
def _scaling(kind, mean, variance, epsilon):
    """Return centre, scale and offset of `kind`: (x - mean) / √(variance + ε) = (x - centre) · scale - offset.

    The offset makes up for the rounding of the mean.
    """
    scale = 1.0 / np.sqrt(variance + epsilon)
    centre = kind.dtype.type(mean)
    lost = 0.0 if mean == np.float64(centre) else (mean - np.float64(centre)) * scale
    return centre, kind.dtype.type(scale), kind.dtype.type(lost)


@njit(inline="always")
def _value(hat, factor, shift):
    return fma(factor, hat, shift)


@njit
def _normalise(c, x, gamma, beta, mean, variance, epsilon, residual, floor, y):
    size = x.shape[1]
    centre, scale, offset = _scaling(x, mean[c], variance[c], epsilon)
    factor, shift = gamma[c], beta[c]
    source, out, more = at(x, c * size), at(y, c * size), at(residual, c * size)
    if residual.size > 0:
        for k in range(size):
            value = _value(_hat(source[k], centre, scale, offset), factor, shift) + more[k]
            out[k] = floor if floor > value else value
    else:
        for k in range(size):
            value = _value(_hat(source[k], centre, scale, offset), factor, shift)
            out[k] = floor if floor > value else value


@njit(parallel=True, cache=True)
def normalise(x, gamma, beta, mean, variance, epsilon, residual, floor, y):
    """y = max(γ · (x - mean) / √(variance + ε) + β + residual, floor) by channel; NaN stays NaN.

    An empty residual counts as 0; floor, of the dtype of x, is 0 for ReLU and -∞ for none.
    """
    for c in prange(x.shape[0]):
        _normalise(c, x, gamma, beta, mean, variance, epsilon, residual, floor, y)


@njit(parallel=True, cache=True)
def batch_norm(x, gamma, beta, epsilon, residual, floor, y, mean, variance):
    """`normalise` by the moments of each channel, which are left in mean and variance."""
    for c in prange(x.shape[0]):
        mean[c], variance[c] = _moments(x, c)
        _normalise(c, x, gamma, beta, mean, variance, epsilon, residual, floor, y)


def _hats(v, x, centre, scale, offset):
    return v.multiply_add(v.subtract(x, centre), scale, v.negative(offset))


def _pulls(v, x, pull, *scaling):
    """The pull t and t · x̂."""
    return pull, (pull, _hats(v, x, *scaling))


def _masked_pulls(v, x, sign, pull, *scaling):
    """`_pulls`, of a pull that counts where sign > 0."""
    return _pulls(v, x, v.where_positive(sign, pull), *scaling)


def _derived_pulls(v, x, pull, centre, scale, offset, factor, shift):
    """`_masked_pulls` by the sign of γ · x̂ + β, computed as in the forward pass, so that y need not be read."""
    hat = _hats(v, x, centre, scale, offset)
    kept = v.where_positive(v.multiply_add(factor, hat, shift), pull)
    return kept, (kept, hat)


_add_pulls, _add_masked_pulls, _add_derived_pulls = map(accumulate, (_pulls, _masked_pulls, _derived_pulls))


@njit
def _mask(sign, pull, size, zero, kept):
    """kept = pull where sign > 0, else 0."""
    for k in range(size):
        kept[k] = pull[k] if sign[k] > 0 else zero


@njit(inline="always")
def _gradient(pull, hat, factor, scale, total, product):
    return factor * (scale * fma(-hat, product, pull - total))


@njit
def _spread(source, pull, size, factor, centre, scale, offset, total, product, out):
    for k in range(size):
        out[k] = _gradient(pull[k], _hat(source[k], centre, scale, offset), factor, scale, total, product)


@njit
def _masked_spread(source, sign, pull, size, factor, centre, scale, offset, total, product, zero, out):
    for k in range(size):
        t = pull[k] if sign[k] > 0 else zero
        out[k] = _gradient(t, _hat(source[k], centre, scale, offset), factor, scale, total, product)


@njit
def _derived_spread(source, pull, size, factor, shift, centre, scale, offset, total, product, zero, out):
    for k in range(size):
        hat = _hat(source[k], centre, scale, offset)
        t = pull[k] if _value(hat, factor, shift) > 0 else zero
        out[k] = _gradient(t, hat, factor, scale, total, product)


@njit(parallel=True, cache=True)
def derived_backward(x, dy, gamma, beta, mean, variance, epsilon, dx, dgamma, dbeta, streamed):
    """`batch_norm_backward` with a ReLU where no residual was added: two arrays read instead of three."""
    size, zero = x.shape[1], x.dtype.type(0)
    for c in prange(x.shape[0]):
        centre, scale, offset = _scaling(x, mean[c], variance[c], epsilon)
        factor, shift, total, product = gamma[c], beta[c], 0.0, 0.0
        for start in range(0, size, CHUNK):
            count, k, sums = min(CHUNK, size - start), c * size + start, (zeros(x, HALF), zeros(x, HALF))
            _add_derived_pulls(sums, (at(x, k), at(dy, k)), (centre, scale, offset, factor, shift), count)
            total += np.float64(add_up(sums[0], HALF))
            product += np.float64(add_up(sums[1], HALF))
        dbeta[c], dgamma[c] = x.dtype.type(total), x.dtype.type(product)
        first, second, piece = x.dtype.type(total / size), x.dtype.type(product / size), tile(x, PIECE)
        for start in range((size - 1) // CHUNK * CHUNK, -1, -CHUNK):
            count, k = min(CHUNK, size - start), c * size + start
            step = PIECE if streamed else count
            for b in range(k, k + count, step):
                source, pull, out = at(x, b), at(dy, b), piece if streamed else at(dx, b)
                _derived_spread(source, pull, step, factor, shift, centre, scale, offset, first, second, zero, out)
                if streamed:
                    stream(at(dx, b), piece, PIECE)
        if streamed:
            fence()


@njit
def _sums(c, x, y, dy, centre, scale, offset, kept):
    """Return Σ t and Σ t · x̂ of channel c in float64; an empty y masks nothing, an empty `kept` keeps nothing."""
    size, zero = x.shape[1], x.dtype.type(0)
    total, product, scaling = 0.0, 0.0, (centre, scale, offset)
    for start in range(0, size, CHUNK):
        count, k, sums = min(CHUNK, size - start), c * size + start, (zeros(x, HALF), zeros(x, HALF))
        if kept.size > 0:
            # Kept for the caller too; the sum reads it out of the first-level cache.
            _mask(at(y, k), at(dy, k), count, zero, at(kept, k))
            _add_pulls(sums, (at(x, k), at(kept, k)), scaling, count)
        elif y.size > 0:
            _add_masked_pulls(sums, (at(x, k), at(y, k), at(dy, k)), scaling, count)
        else:
            _add_pulls(sums, (at(x, k), at(dy, k)), scaling, count)
        total += np.float64(add_up(sums[0], HALF))
        product += np.float64(add_up(sums[1], HALF))
    return total, product


@njit(parallel=True, cache=True)
def batch_norm_backward(x, y, dy, gamma, mean, variance, epsilon, dx, dgamma, dbeta, kept, streamed):
    """Gradients of `batch_norm`. An empty y: no ReLU. Unless empty, kept receives dy where y > 0, else 0.

    The second pass runs backwards: what the first read last is still in the cache. streamed: write dx past the
    caches; its channels are aligned then and multiples of PIECE.
    """
    size, zero = x.shape[1], x.dtype.type(0)
    for c in prange(x.shape[0]):
        centre, scale, offset = _scaling(x, mean[c], variance[c], epsilon)
        total, product = _sums(c, x, y, dy, centre, scale, offset, kept)
        dbeta[c], dgamma[c] = x.dtype.type(total), x.dtype.type(product)
        first, second, piece = x.dtype.type(total / size), x.dtype.type(product / size), tile(x, PIECE)
        for start in range((size - 1) // CHUNK * CHUNK, -1, -CHUNK):
            count, k = min(CHUNK, size - start), c * size + start
            step = PIECE if streamed else count
            for b in range(k, k + count, step):
                source, out = at(x, b), piece if streamed else at(dx, b)
                if kept.size > 0:
                    _spread(source, at(kept, b), step, gamma[c], centre, scale, offset, first, second, out)
                elif y.size > 0:
                    sign, pull = at(y, b), at(dy, b)
                    sums = first, second, zero
                    _masked_spread(source, sign, pull, step, gamma[c], centre, scale, offset, *sums, out)
                else:
                    _spread(source, at(dy, b), step, gamma[c], centre, scale, offset, first, second, out)
                if streamed:
                    stream(at(dx, b), piece, PIECE)
        if streamed:
            fence()
