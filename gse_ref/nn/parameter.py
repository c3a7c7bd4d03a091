"""Trainable tensors: dense parameters, and the values of a sparse layer together with their topology."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..autodiff import Tensor
from ..backends import Geometry
from ..backends.arrays import is_array, item, moved, namespace
from ..errors import InputError
from ..sparse import LayerShape, SlotMap, Topology, empty


class Parameter(Tensor):
    """A leaf tensor that an optimizer updates.

    Attributes
    ----------
    decay : whether weight decay applies (weights: yes; biases and normalisation: no), or a factor for each element.
    """

    __slots__ = ("decay",)

    def __init__(self, data: np.ndarray, decay: bool = True) -> None:
        super().__init__(data, requires_grad=True)
        self.decay: bool | np.ndarray = decay

    def to(self, library: Any) -> None:
        """Bring the data to `library`, NumPy or that of a device; the gradient is dropped."""
        self.data, self.grad = moved(self.data, library), None
        if is_array(self.decay):
            self.decay = moved(self.decay, library)


class Part(NamedTuple):
    """Some of the connections of a layer: their topology, and which of all slots they are, (nnz,) bool."""

    topology: Topology
    mask: np.ndarray


class SparseParameter(Parameter):
    """The weights of a sparse layer: `data` is (nnz,) in CSR order of `topology`.

    Starts without connections; `place` gives it its first topology, `rewire` every later one.

    Attributes
    ----------
    topology : the active connections
    silent : (nnz,) bool, connections that receive gradients but take no part in the products, as those of Top-KAST
        outside its forward set; None where there are none
    layout : shape of the layer as budgets see it
    geometry : windows of a convolution, None for a matrix
    """

    __slots__ = ("_parts", "geometry", "layout", "silent", "topology")

    def __init__(
        self, layout: LayerShape, dtype: np.dtype | type = np.float32, geometry: Geometry | None = None
    ) -> None:
        super().__init__(np.zeros(0, dtype), decay=True)
        self.layout, self.geometry = layout, geometry
        self.topology = empty((layout.n_out, layout.n_in))
        self.silent: np.ndarray | None = None
        self._parts: tuple[Part, Part] | None = None

    @property
    def nnz(self) -> int:
        """Number of connections that take part in the products."""
        return self.topology.nnz if self.silent is None else self.topology.nnz - item(self.silent.sum())

    def place(
        self,
        topology: Topology,
        values: np.ndarray,
        silent: np.ndarray | None = None,
        decay: np.ndarray | None = None,
    ) -> None:
        """Take a topology, its values, which of its connections are silent, and their factors of weight decay.

        Raises
        ------
        InputError : a topology of another shape, or arrays of another length or dtype.
        """
        if topology.shape != self.topology.shape:
            raise InputError(f"the layer has shape {self.topology.shape}, the topology {topology.shape}")
        if values.shape != (topology.nnz,) or values.dtype != self.dtype:
            wanted = f"{self.dtype} of shape ({topology.nnz},)"
            raise InputError(f"values must be {wanted}, got {values.dtype} of shape {values.shape}")
        for name, array, dtype in (("silent", silent, np.dtype(bool)), ("decay", decay, self.dtype)):
            if array is not None and (array.shape != (topology.nnz,) or array.dtype != dtype):
                wanted = f"{dtype} of shape ({topology.nnz},)"
                raise InputError(f"{name} must be {wanted}, got {array.dtype} of shape {array.shape}")
        self.topology, self.data, self.grad = topology, values, None
        self.silent, self._parts, self.decay = silent, None, True if decay is None else decay

    def to(self, library: Any) -> None:
        """Bring values, topology and what belongs to them to `library`; the gradient is dropped."""
        super().to(library)
        silent = None if self.silent is None else moved(self.silent, library)
        self.topology, self.silent, self._parts = self.topology.on(library), silent, None

    def rewire(
        self,
        topology: Topology,
        slot_map: SlotMap,
        values: np.ndarray | None = None,
        silent: np.ndarray | None = None,
        decay: np.ndarray | None = None,
    ) -> None:
        """Move to a new topology: survivors keep their weights bit for bit, grown weights are 0.

        With `values` all weights are taken from there instead; `silent` and `decay` as in `place`.
        """
        self.place(topology, slot_map.carry(self.data) if values is None else values, silent, decay)

    def state(self) -> dict[str, np.ndarray]:
        """Return suffix → array of what belongs to the weights besides their values."""
        state = {"indptr": self.topology.indptr, "indices": self.topology.indices}
        if self.silent is not None:
            state["silent"] = self.silent
        if is_array(self.decay):
            state["decay"] = self.decay
        return state

    @property
    def parts(self) -> tuple[Part, Part] | None:
        """The connections that take part in the products, and the silent ones; None where none is silent."""
        if self.silent is None:
            return None
        if self._parts is None:
            slots = namespace(self.silent).flatnonzero
            loud, quiet = (Part(self.topology.chosen(slots(mask)), mask) for mask in (~self.silent, self.silent))
            self._parts = (loud, quiet)
        return self._parts
