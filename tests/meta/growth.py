"""How a planted growth is judged: by the verdict of the scaling study, on counts or peaks at several widths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

import numpy as np

from gse_ref.backends.counting import Tally
from gse_ref.scaling.measure import Measurement
from gse_ref.scaling.memory import Peak
from gse_ref.scaling.sizes import Sizes
from gse_ref.scaling.subject import Phase
from gse_ref.scaling.verdict import Judgement, judge

#: Connections a unit of the layers that faults are planted in.
PER_UNIT = 8


def judged(phase: str, tallies: Mapping[int, Tally], peaks: Mapping[int, int] | None = None) -> Judgement:
    """Return the verdict on a phase that costs these tallies, and bytes, at these widths, and linear time."""
    found = [
        Measurement(
            subject="planted",
            phase=phase,
            sizes=Sizes(n, PER_UNIT * n, 1),
            counts=asdict(tally),
            peak=Peak(0 if peaks is None else peaks[n], None),
            repeats=1,
            warm=True,
            seconds=[1e-6 * n] * 3,
            control=[1.0] * 3,
            waited=[False] * 3,
        )
        for n, tally in tallies.items()
    ]
    return judge(Phase(), {"width": found}, {one.sizes: 1.0 for one in found}, 1.0, np.random.default_rng(0))
