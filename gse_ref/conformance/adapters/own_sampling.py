"""The operations of level sampling by one of the project's own backends."""

from __future__ import annotations

import numpy as np

from ...backends import Backend, Geometry, use
from ...explore.distributions import mass_or_uniform
from ...nn import Observation, SparseParameter
from ...rng import stream
from ...sparse import LayerShape
from ..adapter import Adapter, Array
from ..problems import Pattern


class OwnSampling(Adapter):
    """Distributions as an update makes them, draws and candidates by a backend of this project."""

    backend: Backend

    def distributions(self, kind: str, x: Array, delta: Array, signs: Array) -> tuple[Array, Array]:
        """Return f and g, the masses of an observation made to sum to 1."""
        return self._distributions(kind, SparseParameter(LayerShape(len(delta), len(x))), x, delta, signs)

    def conv_distributions(
        self, kind: str, x: Array, delta: Array, signs: Array, geometry: Geometry
    ) -> tuple[Array, Array]:
        """Return f and g of a convolution."""
        shape = LayerShape(len(delta), len(x) * geometry.kernel**2, (geometry.kernel, geometry.kernel))
        return self._distributions(kind, SparseParameter(shape, geometry=geometry), x, delta, signs)

    def _distributions(
        self, kind: str, parameter: SparseParameter, x: Array, delta: Array, signs: Array
    ) -> tuple[Array, Array]:
        seen, (n_out, n_in) = Observation(parameter, x, delta), parameter.topology.shape
        with use(self.backend):
            masses = {
                "uniform": lambda: (np.ones(n_in), np.ones(n_out)),
                "grabo": seen.abs_sums,
                "graest": lambda: seen.signed_sums(signs.reshape(-1)),
            }[kind]()
        f, g = (mass_or_uniform(mass, side)[0] for mass, side in zip(masses, ("inputs", "outputs"), strict=True))
        return f / f.sum(), g / g.sum()

    def draw(self, probabilities: Array, uniforms: Array) -> Array:
        """Return the slots of these uniforms."""
        return self.backend.alias_draw(self.backend.alias_table(probabilities), uniforms)

    def sample(self, probabilities: Array, count: int, seed: int) -> Array:
        """Return slots drawn by the stream of this seed."""
        return self.draw(probabilities, stream(seed, "draw").random(count))

    def candidates(self, pattern: Pattern, rows: Array, cols: Array) -> tuple[Array, Array]:
        """Return the distinct pairs that are not active."""
        indptr = pattern.indptr.astype(np.int64)
        return self.backend.candidates(rows, cols, indptr, pattern.indices, pattern.shape[1])

    def inactive(self, pattern: Pattern) -> tuple[Array, Array]:
        """Return all pairs that are not active."""
        return self.backend.inactive(pattern.indptr.astype(np.int64), pattern.indices, pattern.shape[1])
