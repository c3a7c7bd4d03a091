"""The immutable pattern of active connections of one layer: canonical CSR with its transpose plan."""

from __future__ import annotations

import operator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..backends import TransposePlan, active
from ..backends.arrays import is_elsewhere, item, moved, namespace, to_host
from ..errors import InputError

_MOST = 2**31 - 1


def integers(name: str, array: ArrayLike, dtype: type) -> np.ndarray:
    """Return a copy of a 1-d integer array in `dtype`, where it is.

    Raises
    ------
    InputError : not 1-d, not integers (nothing is cut), or a value that `dtype` does not hold.
    """
    given: Any = array if is_elsewhere(array) else np.asarray(array)
    if given.size == 0 and given.dtype.kind == "f":
        given = given.astype(dtype)
    if given.ndim != 1 or given.dtype.kind not in "iu":
        raise InputError(f"{name} must be a 1-d integer array, got {given.dtype} of shape {given.shape}")
    limits = np.iinfo(dtype)
    if given.dtype != dtype and given.size:
        low, high = item(given.min()), item(given.max())
        if high > limits.max or low < limits.min:
            raise InputError(f"{name} must fit {limits.dtype}, got {low} to {high}")
    return given.astype(dtype)


def checked_shape(shape: tuple[int, int]) -> tuple[int, int]:
    """Return (n_out, n_in) as integers, or raise InputError."""
    try:
        n_out, n_in = (operator.index(side) for side in shape)
    except (TypeError, ValueError):
        raise InputError(f"shape must be (n_out, n_in), two integers, got {shape!r}") from None
    if not (0 < n_out <= _MOST and 0 < n_in <= _MOST):
        raise InputError(f"shape must have sides in [1, 2**31), got {shape!r}")
    return n_out, n_in


def _freeze(*arrays: np.ndarray) -> None:
    for array in arrays:
        if isinstance(array, np.ndarray):  # other libraries have no such flag
            array.flags.writeable = False


class Topology:
    """Active connections of a layer, canonical: rows in order, columns strictly increasing within a row.

    Its arrays are NumPy's, or all of them of the library of a device; `on` changes that.

    Attributes
    ----------
    indptr : (n_out + 1,) int64, read-only
    indices : (nnz,) int32, read-only, strictly increasing within each row
    shape : (n_out, n_in); row = output unit

    Raises
    ------
    InputError : arrays that are not canonical CSR of this shape; the message names the first fault.
    """

    def __init__(self, indptr: ArrayLike, indices: ArrayLike, shape: tuple[int, int]) -> None:
        self._set("shape", checked_shape(shape))
        self._set("indptr", integers("indptr", indptr, np.int64))
        self._set("indices", integers("indices", indices, np.int32))
        self._validate()
        _freeze(self.indptr, self.indices)

    shape: tuple[int, int]
    indptr: np.ndarray
    indices: np.ndarray

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a Topology is immutable, {name} cannot be set: make a new one, or use sparse.edit")

    def __reduce__(self) -> tuple[type, tuple[np.ndarray, np.ndarray, tuple[int, int]]]:
        return Topology, (self.indptr, self.indices, self.shape)

    def __deepcopy__(self, memo: dict[int, Any]) -> Topology:
        return self  # nothing can tell a copy of what cannot change

    def _validate(self) -> None:
        n_out, n_in = self.shape
        indptr, indices = self.indptr, self.indices
        if len(indptr) != n_out + 1:
            raise InputError(f"indptr must have n_out + 1 = {n_out + 1} entries, got {len(indptr)}")
        first, last = item(indptr[0]), item(indptr[-1])
        if first != 0 or last != len(indices):
            raise InputError(f"indptr must run from 0 to nnz = {len(indices)}, got {first} to {last}")
        if item((indptr[1:] < indptr[:-1]).any()):
            raise InputError("indptr must not decrease")
        if len(indices) > _MOST:
            raise InputError(f"a topology holds fewer than 2**31 connections, got {len(indices)}")
        if not len(indices):
            return
        low, high = item(indices.min()), item(indices.max())
        if low < 0 or high >= n_in:
            raise InputError(f"indices must lie in [0, {n_in}), got {low} to {high}")
        rising = indices[1:] > indices[:-1]
        starts = indptr[1:-1]
        rising[starts[(starts > 0) & (starts < len(indices))] - 1] = True
        if not item(rising.all()):
            rising, indptr, indices = to_host(rising), to_host(indptr), to_host(indices)
            slot = int(np.argmin(rising)) + 1
            row = int(np.searchsorted(indptr, slot, side="right")) - 1
            raise InputError(
                f"columns must be strictly increasing within a row; in row {row}, {indices[slot]} follows "
                f"{indices[slot - 1]}: sort each row and merge duplicates first"
            )

    @classmethod
    def from_scipy(cls, matrix: Any) -> Topology:
        """Take the pattern of a SciPy sparse matrix or array, explicit zeros included; its values: `values_of`.

        Raises
        ------
        InputError : not a 2-d SciPy sparse object, or entries that occur twice.
        """
        if not hasattr(matrix, "tocsr") or len(getattr(matrix, "shape", ())) != 2:
            raise InputError(f"expected a 2-d SciPy sparse matrix, got {type(matrix).__name__}")
        csr = matrix if matrix.format in ("csr", "coo") else matrix.tocsr()
        if csr.format == "coo":
            return cls.from_edges(csr.coords[0], csr.coords[1], csr.shape)
        rows = np.repeat(np.arange(csr.shape[0], dtype=np.int64), np.diff(csr.indptr))
        return cls.from_edges(rows, csr.indices, csr.shape)

    @classmethod
    def from_edges(cls, rows: ArrayLike, cols: ArrayLike, shape: tuple[int, int]) -> Topology:
        """Take a list of distinct pairs (output unit, input unit) in any order.

        Raises
        ------
        InputError : lengths differ, a pair outside the shape, or one that occurs twice.
        """
        n_out, n_in = checked_shape(shape)
        i, j = integers("rows", rows, np.int64), integers("cols", cols, np.int64)
        if len(i) != len(j):
            raise InputError(f"rows and cols must have one length, got {len(i)} and {len(j)}")
        for name, index, size in (("rows", i, n_out), ("cols", j, n_in)):
            low, high = (item(index.min()), item(index.max())) if len(index) else (0, 0)
            if low < 0 or high >= size:
                raise InputError(f"{name} must lie in [0, {size}), got {low} to {high}")
        ids, xp = i * n_in + j, namespace(i)
        if not item((ids[1:] > ids[:-1]).all()):
            ids = xp.sort(ids)
        twice = xp.flatnonzero(ids[1:] == ids[:-1])
        if len(twice):
            pair = divmod(item(ids[twice[0]]), n_in)
            raise InputError(
                f"the connection {pair} occurs more than once: pass each connection once (SciPy: sum_duplicates)"
            )
        indptr = xp.zeros(n_out + 1, dtype=np.int64)
        indptr[1:] = xp.cumsum(xp.bincount(ids // n_in, minlength=n_out))
        return cls(indptr, ids % n_in, (n_out, n_in))

    @property
    def n_out(self) -> int:
        """Number of output units (rows)."""
        return self.shape[0]

    @property
    def n_in(self) -> int:
        """Number of input units (columns)."""
        return self.shape[1]

    @property
    def nnz(self) -> int:
        """Number of active connections."""
        return len(self.indices)

    @property
    def size(self) -> int:
        """Number of possible connections, n_out · n_in."""
        return self.shape[0] * self.shape[1]

    @property
    def density(self) -> float:
        """Share of the possible connections that are active."""
        return self.nnz / self.size

    @cached_property
    def transpose(self) -> TransposePlan:
        """The pattern by columns, made once by counting sort; O(n + nnz)."""
        plan = active().transpose_index(self.indptr, self.indices, self.n_in)
        _freeze(*plan)
        return plan

    @cached_property
    def rows(self) -> np.ndarray:
        """Output unit of each slot, (nnz,) int32."""
        if is_elsewhere(self.indptr):  # CuPy repeats by numbers of the host only
            xp = namespace(self.indptr)
            return xp.searchsorted(self.indptr[1:], xp.arange(self.nnz), side="right").astype(np.int32)
        rows = np.repeat(np.arange(self.n_out, dtype=np.int32), np.diff(self.indptr))
        _freeze(rows)
        return rows

    @property
    def edge_ids(self) -> np.ndarray:
        """id(i, j) = i · n_in + j of each slot, (nnz,) int64, strictly increasing."""
        return self.rows.astype(np.int64) * self.n_in + self.indices

    def chosen(self, slots: np.ndarray) -> Topology:
        """Return the topology of the connections in `slots`, which must be strictly increasing. O(n + slots)."""
        indptr = namespace(slots).searchsorted(slots, self.indptr)
        return Topology(indptr, self.indices[slots], self.shape)

    def fan_in(self) -> np.ndarray:
        """Number of active inputs of each output unit, (n_out,) int64."""
        return self.indptr[1:] - self.indptr[:-1]

    def on(self, library: Any) -> Topology:
        """Return this topology with arrays of `library`, NumPy or that of a device; itself if it is there."""
        if namespace(self.indptr) is library:
            return self
        topology = object.__new__(Topology)
        topology._set("shape", self.shape)
        for name in ("indptr", "indices"):
            topology._set(name, moved(getattr(self, name), library))
        _freeze(topology.indptr, topology.indices)
        return topology

    def to_scipy(self, values: np.ndarray) -> Any:
        """Return a SciPy CSR array with these values; it owns copies of all arrays.

        Raises
        ------
        InputError : `values` is not of shape (nnz,).
        """
        values, home = to_host(values), self.on(np)
        if values.shape != (self.nnz,):
            raise InputError(f"values must have shape ({self.nnz},), got {values.shape}")
        from scipy.sparse import csr_array

        return csr_array((np.array(values), home.indices.copy(), home.indptr.copy()), shape=self.shape)

    def values_of(self, matrix: Any) -> np.ndarray:
        """Return the stored values of a SciPy sparse matrix of this pattern in slot order, whatever its own order.

        Raises
        ------
        InputError : not a 2-d SciPy sparse object, or one whose stored entries are not this pattern.
        """
        if Topology.from_scipy(matrix) != self:
            raise InputError(f"the matrix stores other entries than {self}: take the topology from it first")
        entries = matrix.tocoo()
        order = np.argsort(entries.coords[0].astype(np.int64) * self.n_in + entries.coords[1])
        return entries.data[order]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Topology):
            return NotImplemented
        if self.shape != other.shape or self.nnz != other.nnz:
            return False
        return item((self.indptr == other.indptr).all()) and item((self.indices == other.indices).all())

    def __hash__(self) -> int:
        return hash((self.shape, to_host(self.indptr).tobytes(), to_host(self.indices).tobytes()))

    def __repr__(self) -> str:
        return f"Topology({self.n_out}×{self.n_in}, nnz={self.nnz}, density={self.density:.4g})"
