"""How a planted fault is judged: by the contract check of its function, as the contract tests run it, unshrunk."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import HypothesisWarning

from gse_ref.backends import Backend
from tests.contract.judge import Check


def judge(check: Check, backend: Backend, examples: int = 300) -> None:
    """Run `check` on `backend`; AssertionError where it finds a fault."""

    @settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(case=check.cases)
    def run(case: Any) -> None:
        with np.errstate(all="ignore"):  # a fault may well be in what NumPy warns of
            check.body(backend, case)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HypothesisWarning)  # that the case which shows the fault is large to print
        run()
