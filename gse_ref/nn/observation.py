"""What an exploration asks of a layer that a probe has shown, the same for matrices and convolutions."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..backends import active
from .parameter import SparseParameter


class Observation(NamedTuple):
    """One layer as a probe shows it.

    parameter : the layer's weights.
    x : its input, (n_in, batch), or (channels, height, width, batch) of a convolution.
    delta : ∂loss/∂Y, (n_out, batch) or (n_out, height', width', batch).

    For a convolution every position of every sample counts as one more sample (ALGORITHM section 2); nothing is
    unfolded.
    """

    parameter: SparseParameter
    x: np.ndarray
    delta: np.ndarray

    @property
    def samples(self) -> int:
        """Number of terms in the gradient of one connection: the batch, times the positions of a convolution."""
        return self.delta[0].size

    def _output(self) -> np.ndarray:
        return self.delta.reshape(len(self.delta), self.samples)

    def abs_sums(self) -> tuple[np.ndarray, np.ndarray]:
        """Return |X|·1 (n_in,) and |δ|·1 (n_out,), float64."""
        backend, geometry = active(), self.parameter.geometry
        inputs = backend.abs_sums(self.x) if geometry is None else backend.patch_abs_sums(self.x, geometry)
        return inputs, backend.abs_sums(self._output())

    def signed_sums(self, signs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return |X s| (n_in,) and |δ s| (n_out,), float64, for one sign for each of `samples`, float64."""
        backend, geometry = active(), self.parameter.geometry
        outputs = backend.signed_sums(self._output(), signs)
        if geometry is None:
            return backend.signed_sums(self.x, signs), outputs
        return backend.patch_signed_sums(self.x, signs.reshape(self.delta.shape[1:]), geometry), outputs

    def gradient_pairs(self, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        """Return ∂loss/∂θ_ij of the pairs (rows[k], cols[k]), active or not."""
        geometry = self.parameter.geometry
        if geometry is None:
            return active().sddmm_pairs(rows, cols, self.delta, self.x)
        return active().conv_pairs(rows, cols, self.delta, self.x, geometry)

    def gradient_rows(self, start: int, stop: int) -> np.ndarray:
        """Return the rows [start, stop) of the dense gradient, (stop - start, n_in), for RigL alone."""
        geometry, delta = self.parameter.geometry, self.delta[start:stop]
        if geometry is None:
            return active().gradient_rows(delta, self.x)
        return active().conv_rows(delta, self.x, geometry)
