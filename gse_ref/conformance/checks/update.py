"""Level update: one whole update, a family of checks after the other."""

from __future__ import annotations

from . import update_choice, update_invariants, update_lifecycle, update_repeats

CHECKS = (*update_invariants.CHECKS, *update_choice.CHECKS, *update_repeats.CHECKS, *update_lifecycle.CHECKS)
