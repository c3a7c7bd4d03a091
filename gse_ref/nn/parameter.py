"""Trainable tensors: dense parameters, and the values of a sparse layer together with their topology."""

from __future__ import annotations

import numpy as np

from ..autodiff import Tensor
from ..backends import Geometry
from ..errors import InputError
from ..sparse import LayerShape, SlotMap, Topology, empty


class Parameter(Tensor):
    """A leaf tensor that an optimizer updates.

    Attributes
    ----------
    decay : whether weight decay applies (weights: yes; biases and normalisation: no).
    """

    __slots__ = ("decay",)

    def __init__(self, data: np.ndarray, decay: bool = True) -> None:
        super().__init__(data, requires_grad=True)
        self.decay = decay


class SparseParameter(Parameter):
    """The weights of a sparse layer: `data` is (nnz,) in CSR order of `topology`.

    Starts without connections; `place` gives it its first topology, `rewire` every later one.

    Attributes
    ----------
    topology : the active connections
    layout : shape of the layer as budgets see it
    geometry : windows of a convolution, None for a matrix
    """

    __slots__ = ("geometry", "layout", "topology")

    def __init__(
        self, layout: LayerShape, dtype: np.dtype | type = np.float32, geometry: Geometry | None = None
    ) -> None:
        super().__init__(np.zeros(0, dtype), decay=True)
        self.layout, self.geometry = layout, geometry
        self.topology = empty((layout.n_out, layout.n_in))

    def place(self, topology: Topology, values: np.ndarray) -> None:
        """Take a topology and its values.

        Raises
        ------
        InputError : a topology of another shape, or values of another length or dtype.
        """
        if topology.shape != self.topology.shape:
            raise InputError(f"the layer has shape {self.topology.shape}, the topology {topology.shape}")
        if values.shape != (topology.nnz,) or values.dtype != self.dtype:
            wanted = f"{self.dtype} of shape ({topology.nnz},)"
            raise InputError(f"values must be {wanted}, got {values.dtype} of shape {values.shape}")
        self.topology, self.data, self.grad = topology, values, None

    def rewire(self, topology: Topology, slot_map: SlotMap) -> None:
        """Move to a new topology: survivors keep their weights bit for bit, grown weights are 0."""
        self.place(topology, slot_map.carry(self.data))
