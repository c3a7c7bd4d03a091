"""Direct sparse convolution, channels-height-width-batch (PERFORMANCE, convolutions): no unfolded copy of anything.

At one position of the window a convolution is a sparse product whose column (c, u, v) reads the row of batch
samples at pixel (c, i·stride + u − padding, j·stride + v − padding). Positions whose windows stick out in the same
way form a class; `expand` writes down, for each class, the connections that stay inside the image with their
distances in memory, so that the loops over pixels neither test for the border nor touch what lies beyond it.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange, uintp

from .simd import add_up, at, axpy, axpy_dot, copy, fence, fill, prefetch, stream, tile, zeros
from .sums import HALF, NARROW, SINGLE, SMALL, WIDE, add_products, ends, inner

#: Most elements of a row of one channel that are worked on before the next channel: as many lie one after another.
RUN = 1024
#: Tiles of a run, the narrower ones at its end included: at most one of 64, three of 16, one of 8 and seven single.
TILES = RUN // WIDE + 12
#: How many elements ahead of their use x and, in rows, dy are asked for.
AHEAD, ROWS_AHEAD = 512, 2
#: In place of a distance: this tap lies outside the image.
OUTSIDE = -(1 << 62)


@njit(parallel=True, cache=True)
def expand_rows(indptr, indices, values, reach, lists, offsets, weights):
    """Write the connections of each class of positions by output channels.

    Class a holds the connections k whose tap lies inside, reach[a, indices[k]] ≠ OUTSIDE: entries lists[a, o] …
    lists[a, o + 1] with offset reach[a, indices[k]] and weight values[k]. Its first entry is a · (nnz + 1).
    """
    for a in prange(reach.shape[0]):
        # Unsigned, for an index that cannot be negative is not wrapped around: twice as fast.
        own, entry = reach[a], uintp(a * (indices.size + 1))
        for o in range(indptr.size - 1):
            lists[a, o] = entry
            for k in range(uintp(indptr[o]), uintp(indptr[o + 1])):
                # Written in any case and kept or overwritten: a branch would be mispredicted every third time.
                offset = own[uintp(indices[k])]
                offsets[entry], weights[entry] = offset, values[k]
                entry += uintp(offset != OUTSIDE)
        lists[a, indptr.size - 1] = entry


@njit(parallel=True, cache=True)
def expand_columns(indptr, rows, slots, values, plane, distances, lists, offsets, weights, places):
    """Write the connections of each class of positions by input channels, from the transposed pattern.

    As `expand_rows`, with offset rows[k] · plane + distances[a, tap], weight values[slots[k]] and place slots[k].
    """
    taps = np.empty(rows.size, np.int32)
    kernel = distances.shape[1]
    for column in range(indptr.size - 1):
        for k in range(indptr[column], indptr[column + 1]):
            taps[k] = column % kernel
    for a in prange(distances.shape[0]):
        own, entry = distances[a], uintp(a * (rows.size + 1))
        for c in range((indptr.size - 1) // kernel):
            lists[a, c] = entry
            for k in range(uintp(indptr[c * kernel]), uintp(indptr[(c + 1) * kernel])):
                distance, slot = own[uintp(taps[k])], slots[k]
                offsets[entry] = rows[k] * plane + distance
                weights[entry], places[entry] = values[uintp(slot)], slot
                entry += uintp(distance != OUTSIDE)
        lists[a, (indptr.size - 1) // kernel] = entry


def _make_product(T):
    @njit(inline="always")
    def product(start, stop, first, last, offsets, weights, x, base, bias, y, out, streamed):
        total = tile(weights, T)
        for b in range(start, stop, T):
            fill(total, bias, T)
            for k in range(first, last):
                axpy(total, weights[k], at(x, offsets[k] + base + b), T)
            if streamed:
                stream(at(y, out + b), total, T)
            else:
                copy(at(y, out + b), total, T)

    return product


_wide, _half, _narrow, _small, _single = map(_make_product, (WIDE, HALF, NARROW, SMALL, SINGLE))


@njit(parallel=True, cache=True)
def gather(lists, offsets, weights, rows, tiles, x, bias, y, plane, width, streamed):
    """y[o, i, t] = bias[o] + Σ_k weights[k] · x[offsets[k] + base] over the list of the class of (i, t); all flat.

    rows (height', 2): class and base of each row of y; tiles (count, 4): first element within the row, length,
    class and base of each tile. Class of a position: rows' + tiles'. `plane`, `width`: elements of a channel and of
    a row of y. An empty bias counts as 0. streamed: write y past the caches; all its pixels are aligned then.
    """
    count = tiles.shape[0]
    for job in prange(rows.shape[0] * count):
        i, t = job // count, job % count
        start, length, kind, base = tiles[t, 0], tiles[t, 1], rows[i, 0] + tiles[t, 2], rows[i, 1] + tiles[t, 3]
        own = lists[kind]
        wide, half, narrow, small = ends(length)
        for o in range(own.size - 1):
            out, first, last = o * plane + i * width + start, uintp(own[o]), uintp(own[o + 1])
            shift = bias[o] if bias.size > 0 else weights.dtype.type(0)
            _wide(0, wide, first, last, offsets, weights, x, base, shift, y, out, streamed)
            _half(wide, half, first, last, offsets, weights, x, base, shift, y, out, streamed)
            _narrow(half, narrow, first, last, offsets, weights, x, base, shift, y, out, streamed)
            _small(narrow, small, first, last, offsets, weights, x, base, shift, y, out, streamed)
            _single(small, length, first, last, offsets, weights, x, base, shift, y, out, streamed)
        if streamed:
            fence()


def _make_backward(T):
    @njit(inline="always")
    def backward(start, stop, first, last, offsets, weights, x, dy, base, dx, out, soon, dots, count, streamed):
        total, own = tile(weights, T), tile(weights, T)  # a copy that nothing can alias stays in registers
        for b in range(start, stop, T):
            prefetch(x, out + b + AHEAD, T)
            prefetch(dy, soon + b, T)
            copy(own, at(x, out + b), T)
            fill(total, weights.dtype.type(0), T)
            for k in range(first, last):
                dots[count] = axpy_dot(total, weights[k], own, at(dy, offsets[k] + base + b), T)
                count += uintp(1)
            if streamed:
                stream(at(dx, out + b), total, T)
            else:
                copy(at(dx, out + b), total, T)
        return count

    return backward


_wide_back, _half_back, _narrow_back, _small_back, _single_back = map(
    _make_backward, (WIDE, HALF, NARROW, SMALL, SINGLE)
)


@njit(inline="always")
def _add(dots, count, first, last, places, dvalues):
    """dvalues[places[k]] += the dot products of connection k, of which `count` lie tile by tile in `dots`."""
    size = last - first
    for k in range(size):
        place = uintp(places[first + k])
        total, m = dvalues[place], k
        while m < count:  # a range of such a step would divide to learn its length
            total += dots[m]
            m += size
        dvalues[place] = total


@njit(parallel=True, cache=True)
def backward(lists, offsets, weights, places, rows, tiles, x, dy, dx, dvalues, plane, width, blocks, streamed):
    """Both gradients in transposed order: each element of dy that is loaded serves dx and dvalues.

    As `gather` from dy to dx; besides, dvalues[places[k]] += Σ x · dy over all positions, float64, from 0. Threads
    take blocks of input channels, so that no sum is shared; the order of every sum is that of the positions.
    """
    channels, count = lists.shape[1] - 1, tiles.shape[0]
    dy_width = dy.shape[2] * dy.shape[3]
    dy_plane = dy.shape[1] * dy_width
    longest = 0
    for a in range(lists.shape[0]):
        for c in range(channels):
            longest = max(longest, lists[a, c + 1] - lists[a, c])
    for block in prange(blocks):
        # Added to dvalues after the run: a sum that is stored and loaded again tile after tile waits for itself.
        dots = np.empty(longest * TILES, weights.dtype)
        for job in range(rows.shape[0] * count):
            i, t = job // count, job % count
            start, length = tiles[t, 0], tiles[t, 1]
            kind, base = rows[i, 0] + tiles[t, 2], rows[i, 1] + tiles[t, 3]
            own = lists[kind]
            wide, half, narrow, small = ends(length)
            for c in range(channels * block // blocks, channels * (block + 1) // blocks):
                out, first, last, n = c * plane + i * width + start, uintp(own[c]), uintp(own[c + 1]), uintp(0)
                soon = c * dy_plane + base + ROWS_AHEAD * dy_width
                n = _wide_back(
                    0, wide, first, last, offsets, weights, x, dy, base, dx, out, soon, dots, n, streamed
                )
                n = _half_back(
                    wide, half, first, last, offsets, weights, x, dy, base, dx, out, soon, dots, n, streamed
                )
                n = _narrow_back(
                    half, narrow, first, last, offsets, weights, x, dy, base, dx, out, soon, dots, n, streamed
                )
                n = _small_back(
                    narrow, small, first, last, offsets, weights, x, dy, base, dx, out, soon, dots, n, streamed
                )
                n = _single_back(
                    small, length, first, last, offsets, weights, x, dy, base, dx, out, soon, dots, n, streamed
                )
                _add(dots, n, first, last, places, dvalues)
        if streamed:
            fence()


@njit(parallel=True, cache=True)
def pairs(rows, cols, dy, x, kernel, stride, inside, first_row, first_col, out):
    """out[k] = Σ dy[o, i, j, b] · x[c, i·stride + u − padding, j·stride + v − padding, b], (c, u, v) = cols[k].

    inside[0, u] and inside[1, u] are the first position along the height whose tap u lies in the image, and the one
    after the last; inside[2] and inside[3] along the width. first_row[u], first_col[v]: the pixels they read.
    """
    batch, height, width = dy.shape[3], dy.shape[1], dy.shape[2]
    taps = kernel * kernel
    for k in prange(rows.size):
        o, c, u, v = rows[k], cols[k] // taps, cols[k] % taps // kernel, cols[k] % kernel
        start, stop, count = inside[0, u], inside[1, u], inside[3, v] - inside[2, v]
        p = ((o * height + start) * width + inside[2, v]) * batch
        q = ((c * x.shape[1] + first_row[u]) * x.shape[2] + first_col[v]) * batch
        total = 0.0
        for i in range(stop - start):
            here, there = p + i * width * batch, q + i * stride * x.shape[2] * batch
            if stride == 1:
                total += inner(at(dy, here), at(x, there), count * batch, 0.0)
            else:
                for j in range(count):
                    total += inner(at(dy, here + j * batch), at(x, there + j * stride * batch), batch, 0.0)
        out[k] = total


@njit(parallel=True, cache=True)
def signed_patches(x, signs, kernel, stride, inside, first_row, first_col, mass):
    """mass[(c, u, v)] = |Σ x · signs| over the positions whose tap lies inside, in float64; as `pairs`."""
    batch, width = signs.shape[2], signs.shape[1]
    taps = kernel * kernel
    for column in prange(mass.size):
        c, u, v = column // taps, column % taps // kernel, column % kernel
        count = inside[3, v] - inside[2, v]
        sums = zeros(mass, HALF)
        for i in range(inside[1, u] - inside[0, u]):
            own = at(signs, ((inside[0, u] + i) * width + inside[2, v]) * batch)
            pixel = at(x, ((c * x.shape[1] + first_row[u] + i * stride) * x.shape[2] + first_col[v]) * batch)
            if stride == 1:
                add_products((sums,), (pixel, own), (), count * batch)
            else:
                for j in range(count):
                    add_products((sums,), (at(pixel, j * stride * batch), at(own, j * batch)), (), batch)
        mass[column] = abs(add_up(sums, HALF))
