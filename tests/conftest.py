"""Profiles of the property tests, and what every test starts from."""

import os
import signal

from hypothesis import HealthCheck, settings

settings.register_profile("dev", max_examples=25, deadline=None)
settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True, print_blob=True)
settings.register_profile("nightly", max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))

# A shell ignores SIGINT in what it starts in the background, and so would every process that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
