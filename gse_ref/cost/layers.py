"""A layer as cost sees it, and the forward FLOPs of all layers together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..errors import InputError


class Layer(NamedTuple):
    """Shape of one sparse layer and how many of its connections are active.

    Attributes
    ----------
    n_out, n_in : units; a convolution has n_in = C_in·kh·kw.
    nnz : active connections; a real number where shares of a budget are not rounded.
    positions : outputs of each output unit for one sample: 1 for a matrix, height' · width' for a convolution.
    kernel : (kh, kw) of a convolution, None for a matrix.
    """

    name: str
    n_out: int
    n_in: int
    nnz: float
    positions: int = 1
    kernel: tuple[int, int] | None = None

    @property
    def size(self) -> int:
        """Number of possible connections."""
        return self.n_out * self.n_in

    @property
    def density(self) -> float:
        """Share of the possible connections that are active."""
        return self.nnz / self.size

    def flops(self, nnz: float) -> float:
        """Return the forward FLOPs for one sample with `nnz` connections: two for each multiply-add."""
        return 2 * nnz * self.positions


class Work:
    """Forward FLOPs of one sample through all layers: `sparse` as they are, `dense` with every connection.

    Products alone are counted, two FLOPs each: no biases, normalisation, activations, pools. A window that sticks
    out of its image counts in full, as is usual.

    Attributes
    ----------
    layers : the sparse layers, at least one.
    density : share of active connections over all of them.

    Raises
    ------
    InputError : no layers, or a number of connections that a layer cannot have.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        if not layers:
            raise InputError("a cost needs at least one sparse layer")
        for layer in layers:
            if not 0 <= layer.nnz <= layer.size:
                raise InputError(
                    f"layer {layer.name} of shape ({layer.n_out}, {layer.n_in}) holds 0 to {layer.size} "
                    f"connections, got {layer.nnz}"
                )
        self.layers = tuple(layers)
        self.density = sum(layer.nnz for layer in layers) / sum(layer.size for layer in layers)
        self.sparse = sum(layer.flops(layer.nnz) for layer in layers)
        self.dense = sum(layer.flops(layer.size) for layer in layers)

    def times(self, factor: float) -> float:
        """Return the forward FLOPs with `factor` times the connections of each layer, at most all of them."""
        return sum(layer.flops(min(factor * layer.nnz, layer.size)) for layer in self.layers)

    def at(self, density: float) -> float:
        """Return the forward FLOPs on the way from dense to `self.density`, every layer losing in proportion.

        Where magnitude or a score prunes over all layers together, the shares of the layers depend on the data:
        this straight line between the two ends is an assumption.
        """
        if self.density == 1:
            return self.dense
        return self.sparse + (self.dense - self.sparse) * (density - self.density) / (1 - self.density)
