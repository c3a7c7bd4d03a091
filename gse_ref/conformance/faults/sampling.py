"""Faults that level sampling must find."""

from __future__ import annotations

import numpy as np

from ...backends import Geometry
from ...rng import stream
from ..adapter import Array
from ..adapters.own import Naive
from ..problems import Pattern
from .fault import Fault


def _normalised(mass: Array) -> Array:
    return mass / mass.sum() if mass.any() else np.full(len(mass), 1 / len(mass))


def _mass(kind: str, values: Array, signs: Array) -> Array:
    """Return the mass of units in float64; "grabo" or "graest", axes after the first are samples."""
    flat = values.reshape(len(values), -1).astype(np.float64)
    return np.abs(flat).sum(axis=1) if kind == "grabo" else np.abs(flat @ signs.reshape(-1))


class FirstPatchRow(Naive):
    """GraEst's output side reads the first row of output positions alone."""

    def conv_distributions(
        self, kind: str, x: Array, delta: Array, signs: Array, geometry: Geometry
    ) -> tuple[Array, Array]:
        """Return f as it should be, g by one row."""
        f, g = super().conv_distributions(kind, x, delta, signs, geometry)
        if kind == "graest":
            g = _normalised(_mass(kind, delta[:, 0], signs[0]))
        return f, g


class OneSignForAllPositions(Naive):
    """One sign for each sample, whatever the position, as in a linear layer."""

    def conv_distributions(
        self, kind: str, x: Array, delta: Array, signs: Array, geometry: Geometry
    ) -> tuple[Array, Array]:
        """Return both sides by the signs of the first position."""
        same = np.broadcast_to(signs[:1, :1], signs.shape).copy()
        return super().conv_distributions(kind, x, delta, same, geometry)


class PaddingCounted(Naive):
    """What lies outside the image counts as the nearest pixel, not as 0."""

    def conv_distributions(
        self, kind: str, x: Array, delta: Array, signs: Array, geometry: Geometry
    ) -> tuple[Array, Array]:
        """Return both sides of an image with repeated edges."""
        width = (geometry.padding, geometry.padding)
        padded = np.pad(x, ((0, 0), width, width, (0, 0)), mode="edge")
        return super().conv_distributions(kind, padded, delta, signs, geometry._replace(padding=0))


class TwoSignVectors(Naive):
    """Each side of GraEst has signs of its own."""

    def distributions(self, kind: str, x: Array, delta: Array, signs: Array) -> tuple[Array, Array]:
        """Return f by these signs, g by others."""
        others = 2.0 * stream(0, "signs").integers(0, 2, len(signs)) - 1
        f, _ = super().distributions(kind, x, delta, signs)
        return f, super().distributions(kind, x, delta, others)[1]


class SignedSumsInGraBo(Naive):
    """GraBo sums first and takes absolute values then."""

    def distributions(self, kind: str, x: Array, delta: Array, signs: Array) -> tuple[Array, Array]:
        """Return GraEst with signs of +1 in place of GraBo."""
        if kind == "grabo":
            return super().distributions("graest", x, delta, np.ones_like(signs))
        return super().distributions(kind, x, delta, signs)


class SidesExchanged(Naive):
    """f is made of δ and g of x."""

    def distributions(self, kind: str, x: Array, delta: Array, signs: Array) -> tuple[Array, Array]:
        """Return g and f."""
        f, g = super().distributions(kind, x, delta, signs)
        return g, f


class NoFallback(Naive):
    """A mass of 0 is divided by its sum."""

    def distributions(self, kind: str, x: Array, delta: Array, signs: Array) -> tuple[Array, Array]:
        """Return 0/0 where there is no mass."""
        f, g = super().distributions(kind, x, delta, signs)
        if kind == "uniform":
            return f, g
        return _or_nan(f, _mass(kind, x, signs)), _or_nan(g, _mass(kind, delta, signs))

    def conv_distributions(
        self, kind: str, x: Array, delta: Array, signs: Array, geometry: Geometry
    ) -> tuple[Array, Array]:
        """Return 0/0 where δ has no mass."""
        f, g = super().conv_distributions(kind, x, delta, signs, geometry)
        return f, g if kind == "uniform" else _or_nan(g, _mass(kind, delta, signs))


def _or_nan(probabilities: Array, mass: Array) -> Array:
    return probabilities if mass.any() else np.full(len(mass), np.nan)


class EpsilonInDenominator(Naive):
    """The mass is divided by its sum plus 1e-8, "for stability"."""

    def distributions(self, kind: str, x: Array, delta: Array, signs: Array) -> tuple[Array, Array]:
        """Return GraBo that does not sum to 1 where δ is small, as it is late in training."""
        f, g = super().distributions(kind, x, delta, signs)
        total = _mass(kind, delta, signs).sum()
        return f, g * total / (total + 1e-8) if kind == "grabo" and total > 0 else g


class NotFiniteAccepted(Naive):
    """NaN and infinity in the activations are replaced by 0 and a large number."""

    def distributions(self, kind: str, x: Array, delta: Array, signs: Array) -> tuple[Array, Array]:
        """Return distributions of whatever came."""
        return super().distributions(kind, np.nan_to_num(x), np.nan_to_num(delta), signs)

    def conv_distributions(
        self, kind: str, x: Array, delta: Array, signs: Array, geometry: Geometry
    ) -> tuple[Array, Array]:
        """Return distributions of whatever came."""
        return super().conv_distributions(kind, np.nan_to_num(x), np.nan_to_num(delta), signs, geometry)


class SlotRounded(Naive):
    """The slot is u·n rounded to the nearest, not floored."""

    def draw(self, probabilities: Array, uniforms: Array) -> Array:
        """Return draws of which the first slot and the one after the last are half as wide."""
        table, n = self.backend.alias_table(probabilities), len(probabilities)
        slots = np.rint(uniforms * n).astype(np.int64) % n
        coins = uniforms * n - np.floor(uniforms * n)
        return np.where(coins < table.threshold[slots], slots, table.alias[slots])


class CoinReused(Naive):
    """The coin is u itself, which the slot has been made of already."""

    def draw(self, probabilities: Array, uniforms: Array) -> Array:
        """Return draws of which low slots stay and high slots move on."""
        table = self.backend.alias_table(probabilities)
        slots = np.floor(uniforms * len(probabilities)).astype(np.int64)
        return np.where(uniforms < table.threshold[slots], slots, table.alias[slots])


class LastSlotBiased(Naive):
    """The last slot of the alias table keeps threshold 1, as if it had been left over."""

    def sample(self, probabilities: Array, count: int, seed: int) -> Array:
        """Return draws of which the last slot comes with chance 1/n at least."""
        table = self.backend.alias_table(probabilities)
        table.threshold[-1] = 1.0
        return self.backend.alias_draw(table, stream(seed, "draw").random(count))


class DrawsInOrder(Naive):
    """Low-variance resampling: one uniform for all draws, a comb of equal distances."""

    def sample(self, probabilities: Array, count: int, seed: int) -> Array:
        """Return slots with the right counts, sorted."""
        comb = (np.arange(count) + stream(seed, "draw").random()) / max(1, count)
        edges = np.cumsum(probabilities)
        return np.searchsorted(edges / edges[-1], comb, side="right").astype(np.int32)


class DrawsTooEven(DrawsInOrder):
    """Low-variance resampling, shuffled: the counts do not scatter."""

    def sample(self, probabilities: Array, count: int, seed: int) -> Array:
        """Return slots with the right counts in any order."""
        return stream(seed, "draw", 1).permutation(super().sample(probabilities, count, seed))


class SeedIgnored(Naive):
    """Every call draws the same."""

    def sample(self, probabilities: Array, count: int, seed: int) -> Array:
        """Return what seed 0 gives."""
        return super().sample(probabilities, count, 0)


class CandidatesRepeated(Naive):
    """A pair that was drawn twice is a candidate twice."""

    def candidates(self, pattern: Pattern, rows: Array, cols: Array) -> tuple[Array, Array]:
        """Return the inactive ones among the draws, sorted, not merged."""
        ids = rows.astype(np.int64) * pattern.shape[1] + cols
        found = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr)) * pattern.shape[1] + pattern.indices
        return np.divmod(np.sort(ids[~np.isin(ids, found)]), pattern.shape[1])


class ActiveKept(Naive):
    """What was drawn is not compared with the active connections."""

    def candidates(self, pattern: Pattern, rows: Array, cols: Array) -> tuple[Array, Array]:
        """Return the distinct draws."""
        return np.divmod(np.unique(rows.astype(np.int64) * pattern.shape[1] + cols), pattern.shape[1])


class CandidatesUnsorted(Naive):
    """Candidates come in the order of the draws."""

    def candidates(self, pattern: Pattern, rows: Array, cols: Array) -> tuple[Array, Array]:
        """Return the candidates in the order in which they were drawn first."""
        kept = super().candidates(pattern, rows, cols)
        wanted = set(zip(*(part.tolist() for part in kept), strict=True))
        pairs = [p for p in dict.fromkeys(zip(rows.tolist(), cols.tolist(), strict=True)) if p in wanted]
        found = np.array(pairs, np.int64).reshape(-1, 2)
        return found[:, 0].copy(), found[:, 1].copy()


class EdgeIdsOverflow(Naive):
    """Edge ids are computed in 32 bits."""

    def candidates(self, pattern: Pattern, rows: Array, cols: Array) -> tuple[Array, Array]:
        """Return candidates in the order of ids that wrapped around."""
        kept = super().candidates(pattern, rows, cols)
        order = np.argsort(kept[0].astype(np.int32) * np.int32(pattern.shape[1]) + kept[1].astype(np.int32))
        return kept[0][order], kept[1][order]


class NarrowColumns(Naive):
    """Columns are kept in 16 bits."""

    def inactive(self, pattern: Pattern) -> tuple[Array, Array]:
        """Return pairs whose columns wrapped around."""
        rows, cols = super().inactive(pattern)
        return rows, cols.astype(np.uint16).astype(np.int32)


FAULTS = (
    Fault(
        "graest-conv-first-patch-row",
        "GraEst on convolutions sums δ·s over the first row of positions only (as in the authors' code)",
        "conv_distributions",
        FirstPatchRow,
    ),
    Fault(
        "graest-conv-one-sign-a-sample",
        "GraEst on convolutions has one sign a sample, not one for each position: windows no longer cancel",
        "conv_distributions",
        OneSignForAllPositions,
    ),
    Fault(
        "padding-counted",
        "what lies outside the image counts as the nearest pixel in the sums of a convolution",
        "conv_distributions",
        PaddingCounted,
    ),
    Fault(
        "graest-two-sign-vectors",
        "x and δ have different signs in GraEst: the sketch estimates nothing",
        "distributions",
        TwoSignVectors,
    ),
    Fault(
        "grabo-signed-sums",
        "GraBo is |Σ x|, not Σ |x|: no upper bound of the gradient",
        "distributions",
        SignedSumsInGraBo,
    ),
    Fault("sides-exchanged", "inputs are drawn by δ and outputs by x", "distributions", SidesExchanged),
    Fault(
        "epsilon-in-denominator",
        "the mass is divided by its sum + 1e-8: small gradients no longer give a distribution",
        "distributions",
        EpsilonInDenominator,
    ),
    Fault("no-fallback", "a mass of 0 is divided by 0", "distributions_of_no_mass", NoFallback),
    Fault(
        "not-finite-accepted",
        "NaN and infinity in x or δ are replaced: a diverged training goes on",
        "distributions_not_finite",
        NotFiniteAccepted,
    ),
    Fault(
        "conv-no-fallback",
        "in a convolution, a mass of 0 is divided by 0",
        "conv_distributions_of_no_mass",
        NoFallback,
    ),
    Fault(
        "conv-not-finite-accepted",
        "in a convolution, NaN and infinity in x or δ are replaced",
        "conv_distributions_not_finite",
        NotFiniteAccepted,
    ),
    Fault("slot-rounded", "the slot is u·n rounded, not floored", "draw", SlotRounded),
    Fault("coin-reused", "the coin is u, not u·n - slot: slot and coin depend on each other", "draw", CoinReused),
    Fault(
        "last-alias-slot-biased",
        "the last slot of the alias table never passes its surplus on",
        "sample",
        LastSlotBiased,
    ),
    Fault("draws-in-order", "draws come sorted: neighbours are equal", "sample_independent", DrawsInOrder),
    Fault("seed-ignored", "every seed gives the same draws", "sample_independent", SeedIgnored),
    Fault(
        "draws-too-even", "low-variance resampling: the counts do not scatter", "sample_not_too_even", DrawsTooEven
    ),
    Fault("candidates-repeated", "a pair drawn twice is a candidate twice", "candidates", CandidatesRepeated),
    Fault("candidates-active-kept", "an active connection that was drawn is a candidate", "candidates", ActiveKept),
    Fault(
        "candidates-unsorted",
        "candidates come in the order of the draws, so that ties are settled by it",
        "candidates",
        CandidatesUnsorted,
    ),
    Fault("edge-ids-overflow", "edge ids are int32: they wrap in wide layers", "candidates", EdgeIdsOverflow),
    Fault("inactive-narrow-columns", "columns are uint16: they wrap beyond 65,536", "inactive", NarrowColumns),
)
