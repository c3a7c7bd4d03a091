"""How many connections each layer gets for a target density over all of them (ALGORITHM section 3)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..counts import largest_remainder, rounded
from ..errors import InputError, unknown


class LayerShape(NamedTuple):
    """Shape of one sparse layer; a convolution has n_in = C_in·kh·kw and its kernel (kh, kw)."""

    n_out: int
    n_in: int
    kernel: tuple[int, int] | None = None

    @property
    def size(self) -> int:
        """Number of possible connections P_l."""
        return self.n_out * self.n_in


def _uniform(shape: LayerShape) -> float:
    return shape.size


def _erdos_renyi(shape: LayerShape) -> float:
    return shape.n_in + shape.n_out


def _erdos_renyi_kernel(shape: LayerShape) -> float:
    kh, kw = shape.kernel or (1, 1)
    # size / (C_in · C_out · kh · kw) is 1
    return shape.n_in / (kh * kw) + shape.n_out + (kh + kw if shape.kernel else 0)


def _scaled(shape: LayerShape) -> float:
    return shape.n_out


#: Relative share of a layer before clipping.
BUDGETS: dict[str, Callable[[LayerShape], float]] = {
    "uniform": _uniform,
    "erdos_renyi": _erdos_renyi,
    "erdos_renyi_kernel": _erdos_renyi_kernel,
    "scaled": _scaled,
}


def layer_budgets(kind: str, shapes: Sequence[LayerShape], density: float) -> list[int]:
    """Return nnz of each layer; the sum is exactly round(density · ΣP_l).

    A layer whose share exceeds its size is made dense and its excess is shared out again over the others until
    none exceeds (the authors' code clips and loses it).

    Parameters
    ----------
    kind : a key of `BUDGETS`.
    shapes : the sparse layers, in order.
    density : target over all layers together, in (0, 1].

    Raises
    ------
    InputError : unknown kind, no layers, a density outside (0, 1] or so small that no connection is left.
    """
    _check(kind, shapes, density)
    sizes = [shape.size for shape in shapes]
    total = rounded(density, sum(sizes))
    if total < 1:
        raise InputError(f"density {density} of {sum(sizes)} possible connections leaves none: raise the density")
    return largest_remainder(_shared_out(kind, shapes, total), total, sizes)


def layer_shares(kind: str, shapes: Sequence[LayerShape], density: float) -> list[float]:
    """Return what `layer_budgets` rounds: real numbers whose sum is density · ΣP_l.

    For formulas at densities where rounding would decide, such as fewer connections than layers.

    Raises
    ------
    InputError : unknown kind, no layers or a density outside (0, 1].
    """
    _check(kind, shapes, density)
    return _shared_out(kind, shapes, density * sum(shape.size for shape in shapes))


def _check(kind: str, shapes: Sequence[LayerShape], density: float) -> None:
    if kind not in BUDGETS:
        raise unknown("budget", kind, BUDGETS)
    if not shapes:
        raise InputError("a budget needs at least one sparse layer")
    if not (math.isfinite(density) and 0 < density <= 1):
        raise InputError(f"density must lie in (0, 1], got {density}")


def _shared_out(kind: str, shapes: Sequence[LayerShape], total: float) -> list[float]:
    sizes = [shape.size for shape in shapes]
    weights = [BUDGETS[kind](shape) for shape in shapes]
    full: set[int] = set()
    while True:
        left = total - sum(sizes[i] for i in full)
        weight = sum(w for i, w in enumerate(weights) if i not in full)
        shares = [float(sizes[i]) if i in full else left * w / weight for i, w in enumerate(weights)]
        over = {i for i, share in enumerate(shares) if i not in full and share > sizes[i]}
        if not over:
            return shares
        full |= over
