"""Faults that level update must find."""

from __future__ import annotations

from . import update_change as change
from . import update_choice as choice
from .fault import Fault

FAULTS = (
    Fault(
        "signs-counted-apart",
        "SET prunes a share of the positive and one of the negative weights, each rounded up: more than asked",
        "update_count",
        choice.SignsCountedApart,
    ),
    Fault(
        "growth-by-coins",
        "SET grows every inactive connection with probability k / m: nnz drifts",
        "update_total",
        choice.BernoulliGrowth,
    ),
    Fault("quota-floored", "⌊αN⌋ connections are replaced", "update_count", choice.QuotaFloored),
    Fault(
        "quota-in-floats",
        "⌈αN⌉ in floats: 0.28 * 25 exceeds 7",
        "update_count",
        choice.QuotaInFloats,
    ),
    Fault(
        "count-after-pruning",
        "the number of connections to grow is a share of what is left after pruning",
        "update_count",
        choice.CountsAfterPruning,
    ),
    Fault(
        "counts-of-each-layer",
        "under global scope every layer prunes and grows its own count",
        "update_pruned",
        choice.CountsEachLayer,
    ),
    Fault(
        "pruned-regrown",
        "a connection that this update prunes is grown again, from 0",
        "update_grown_inactive",
        choice.RegrowsPruned,
    ),
    Fault(
        "active-grown",
        "drawn connections that are active stay candidates",
        "update_grown_inactive",
        choice.GrowsActive,
    ),
    Fault(
        "pruned-by-sign",
        "the smallest weights are pruned, not the smallest magnitudes",
        "update_pruned",
        choice.PrunesBySign,
    ),
    Fault("ties-by-higher-edge", "ties go to the higher edge id", "update_pruned", choice.TiesByHigherEdge),
    Fault("ties-by-later-layer", "ties between layers go to the later one", "update_pruned", choice.LastLayerFirst),
    Fault("draws-floored", "⌊γN⌋ pairs are drawn", "update_gse", choice.DrawsFloored),
    Fault(
        "draws-by-non-zeros",
        "γ is taken of the weights that are not 0, not of the connections (the authors' public code)",
        "update_gse",
        choice.DrawsByNonZeros,
    ),
    Fault(
        "all-only-when-fewer",
        "all inactive connections are candidates only where they are fewer than the draws",
        "update_candidates",
        choice.AllOnlyWhenFewer,
    ),
    Fault(
        "uniforms-swapped",
        "the uniforms of the inputs draw the outputs, and the other way round",
        "update_gse",
        choice.UniformsSwapped,
    ),
    Fault(
        "grabo-axes-swapped", "GraBo sums over units instead of samples", "update_gse_grabo", choice.SidesSwapped
    ),
    Fault(
        "update-grabo-signed-sums", "GraBo sums values instead of magnitudes", "update_gse_grabo", choice.SignedSums
    ),
    Fault(
        "update-graest-two-sign-vectors",
        "GraEst uses other signs for the outputs than for the inputs",
        "update_gse_graest",
        choice.TwoSignVectors,
    ),
    Fault("rigl-one-sample", "RigL's gradient is that of the first sample", "update_rigl", choice.FirstSampleAlone),
    Fault("update-nan-scores-accepted", "scores that are NaN count as 0", "update_not_finite", choice.NaNIsZero),
    Fault(
        "set-grows-first",
        "SET grows the inactive connections of lowest edge ids",
        "update_set_uniform",
        choice.FirstInactive,
    ),
    Fault(
        "set-grows-runs",
        "SET grows neighbours from a random place on: each as often as any other, but together",
        "update_set_uniform",
        choice.RunsOfInactive,
    ),
    Fault(
        "grown-keep-stale-values",
        "grown connections take the slots of the pruned and keep their weights",
        "update_grown_zero",
        change.StaleValues,
    ),
    Fault(
        "grown-keep-stale-momentum",
        "grown connections keep the momentum of the pruned",
        "update_grown_zero",
        change.StaleMomentum,
    ),
    Fault(
        "momentum-stays-in-slots",
        "momentum stays in its slots while the connections move (SparseLab 0.2.2)",
        "update_momentum",
        change.MomentumStays,
    ),
    Fault("momentum-cleared-by-update", "an update clears all momentum", "update_momentum", change.MomentumCleared),
    Fault(
        "negative-zeros-lost",
        "survivors go through an addition of 0: -0 becomes +0",
        "update_survivors",
        change.NegativeZerosLost,
    ),
    Fault(
        "grown-at-end-of-row",
        "grown connections stand at the end of their row",
        "update_canonical",
        change.Unsorted,
    ),
    Fault(
        "update-in-place",
        "the weights that are pruned are set to 0 in the arrays that were handed over",
        "update_pure",
        change.InPlace,
    ),
    Fault("threads-break-ties", "ties are broken as the threads come", "update_threads", change.ThreadsBreakTies),
    Fault(
        "update-seed-ignored",
        "SET draws from a generator that goes on from update to update",
        "update_deterministic",
        change.NoSeed,
    ),
    Fault("batch-remembered", "a layer's δ is kept from its first update on", "lifecycle", change.RemembersBatch),
    Fault(
        "momentum-remembered",
        "momentum is kept inside from the last update, whatever training made of it",
        "lifecycle",
        change.MomentumOfLastUpdate,
    ),
)
