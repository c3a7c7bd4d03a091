"""A right adapter that shares nothing with the project: a few lines of NumPy, batch first, 64-bit indices."""

from __future__ import annotations

import math

import numpy as np

from gse_ref.conformance import Adapter, Edited, Selected, Weights


def _ids(pattern) -> np.ndarray:
    return np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr)) * pattern.shape[1] + pattern.indices


def _normalised(mass: np.ndarray) -> np.ndarray:
    if not np.isfinite(mass).all():
        raise FloatingPointError("mass")
    return mass / mass.sum() if mass.any() else np.full(len(mass), 1 / len(mass), mass.dtype)


def _unfolded(x: np.ndarray, geometry) -> np.ndarray:
    """(batch, channels, height, width) → (channels · kernel², batch, height', width')"""
    kernel, stride, padding = geometry
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), (2, 3))[:, :, ::stride, ::stride]
    return windows.transpose(1, 4, 5, 0, 2, 3).reshape(-1, len(x), *windows.shape[2:4])


class Plain(Adapter):
    """Sums in the dtype of x, draws by inversion, sorts where the project selects."""

    layout = "batch_first"
    index_dtype = "int64"

    def distributions(self, kind, x, delta, signs):
        sides = []
        for values in (x, delta):
            weights = signs.astype(x.dtype)[:, None]
            mass = {
                "uniform": lambda values=values: np.ones(values.shape[1], x.dtype),
                "grabo": lambda values=values: np.abs(values).sum(axis=0),
                "graest": lambda values=values, weights=weights: np.abs((values * weights).sum(axis=0)),
            }[kind]()
            sides.append(_normalised(mass))
        return tuple(sides)

    def conv_distributions(self, kind, x, delta, signs, geometry):
        patches = _unfolded(x, geometry)
        rows = delta.transpose(1, 0, 2, 3).reshape(delta.shape[1], -1)
        return self.distributions(kind, patches.reshape(len(patches), -1).T, rows.T, signs.reshape(-1))

    def sample(self, probabilities, count, seed):
        return np.random.default_rng(seed).choice(len(probabilities), count, p=probabilities)

    def candidates(self, pattern, rows, cols):
        return np.divmod(np.setdiff1d(rows * pattern.shape[1] + cols, _ids(pattern)), pattern.shape[1])

    def inactive(self, pattern):
        everything = np.arange(pattern.shape[0] * pattern.shape[1])
        return np.divmod(np.setdiff1d(everything, _ids(pattern)), pattern.shape[1])

    def budget(self, kind, layers, density):
        sizes = np.array([n * c * k * k for n, c, k in layers])
        fans = np.array([(n, c, c * k * k, k if k > 1 else 0) for n, c, k in layers])
        density_of = {
            "uniform": np.ones(len(sizes)),
            "erdos_renyi": (fans[:, 0] + fans[:, 2]) / (fans[:, 0] * fans[:, 2]),
            "erdos_renyi_kernel": (fans[:, 0] + fans[:, 1] + 2 * fans[:, 3]) / (fans[:, 0] * fans[:, 2]),
            "scaled": 1 / fans[:, 2],
        }[kind]
        total, full = round(density * int(sizes.sum())), np.zeros(len(sizes), bool)
        while True:
            level = (total - sizes[full].sum()) / max(1e-9, (density_of * sizes)[~full].sum())
            over = ~full & (level * density_of > 1 + 1e-12)
            if not over.any():
                break
            full |= over
        shares = np.where(full, sizes, level * density_of * sizes)
        counts = np.minimum(np.floor(shares), sizes).astype(int)
        order = np.argsort(-np.round(shares - counts, 9), kind="stable")
        counts[order[: total - counts.sum()]] += 1
        return counts

    def prune_fraction(self, schedule, initial, step, end):
        shares = {"cosine": np.cos(np.pi * step / (2 * end)) ** 2, "constant": 1, "linear": (end - step) / end}
        return initial * shares[schedule]

    def update_due(self, step, interval, end):
        return step in range(interval, end + 1, interval)

    def prune_count(self, fraction, nnz):
        return math.ceil(round(fraction * nnz, 6))

    def top_k(self, scores, k):
        if np.isnan(scores).any():
            raise ValueError("NaN")
        return np.sort(np.argsort(-scores, kind="stable")[:k])

    def select(self, layers, counts, scope):
        if scope == "layer":
            return [self.select([layer], [count], "global")[0] for layer, count in zip(layers, counts, strict=True)]
        values, scores = (np.concatenate(parts) for parts in zip(*layers, strict=True))
        k, result, starts = min(sum(counts), len(scores)), [], np.zeros(2, int)
        grow, prune = self.top_k(scores, k), self.top_k(-np.abs(values), k)
        for layer in layers:
            ends = np.add(starts, (len(layer.scores), len(layer.values)))
            own = [
                chosen[(chosen >= start) & (chosen < end)] - start
                for chosen, start, end in zip((grow, prune), starts, ends, strict=True)
            ]
            result.append(Selected(*own))
            starts = ends
        return result

    def edit(self, weights, momentum, pruned, rows, cols):
        n_out, n_in = weights.shape
        ids = np.concatenate([np.delete(_ids(weights), pruned), rows * n_in + cols])
        order, grown = np.argsort(ids), np.zeros(len(rows), weights.values.dtype)
        kept = (np.concatenate([np.delete(old, pruned), grown])[order] for old in (weights.values, momentum))
        indptr = np.searchsorted(ids[order], np.arange(n_out + 1) * n_in)
        values, carried = kept
        return Edited(Weights(indptr, ids[order] % n_in, values, weights.shape), carried)
