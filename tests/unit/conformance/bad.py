"""Adapters that are bad in every way that a program can be, around one that is right."""

from __future__ import annotations

import ctypes
import os
import sys
import time
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from gse_ref.conformance import Adapter, NotCovered


class Right(Adapter):
    """A few lines around SciPy."""

    def forward(self, weights, x, bias):
        y = csr_matrix((weights.values, weights.indices, weights.indptr), weights.shape) @ x
        return y if bias is None else y + bias[:, None]


def spoilt(spoil):
    """Return a class whose result of `forward` goes through `spoil`."""

    class Spoilt(Right):
        def forward(self, weights, x, bias):
            return spoil(super().forward(weights, x, bias))

    return Spoilt


def doing(act):
    """Return a class that calls `act` with its arguments before it answers rightly."""

    class Doing(Right):
        def forward(self, weights, x, bias):
            act(weights, x, bias)
            return super().forward(weights, x, bias)

    return Doing


def raising(error):
    def act(*arguments):
        raise error

    return doing(act)


def silent(y):
    y.flags.writeable = False
    return y


def endless(y):
    y = [y]
    y.append(y)
    return y


def overwrite(weights, x, bias):
    x += 1


class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError("no words")


class Reprless:
    def __repr__(self):
        raise RuntimeError("no words")


class FirstPart(Right):
    """Gives back what it was handed."""

    def forward(self, weights, x, bias):
        return x[:1]


class Property(Right):
    @property
    def forward(self):
        raise OSError("no device")


class Unstable(Right):
    """Errs once, and never again."""

    def __init__(self):
        self.calls = 0

    def forward(self, weights, x, bias):
        self.calls += 1
        return super().forward(weights, x, bias) + np.float32(self.calls == 7)


class Nothing(Adapter):
    """Has none of the operations."""


class Absent(Right):
    forward = None


class BatchFirstHuge(Right):
    """Claims an array that would take terabytes if somebody copied it."""

    layout = "batch_first"

    def forward(self, weights, x, bias):
        return np.broadcast_to(np.float32(0), (10**7, 10**7))


class Segfault(Right):
    def forward(self, weights, x, bias):
        ctypes.string_at(0)


class Exit(Right):
    def forward(self, weights, x, bias):
        os._exit(0)


class Abort(Right):
    def forward(self, weights, x, bias):
        os.abort()


class Deadly(np.ndarray):
    def __del__(self):
        os._exit(7)


class Later(Right):
    """Does harm that shows when the call has come back: when its result is let go."""

    def forward(self, weights, x, bias):
        return super().forward(weights, x, bias).view(Deadly)


class Interrupt(Right):
    def forward(self, weights, x, bias):
        raise KeyboardInterrupt


class Locked(Right):
    """Hangs in C and holds the interpreter's lock: no signal handler of Python ever runs."""

    def forward(self, weights, x, bias):
        note = os.environ.get("CONFORMANCE_TEST_NOTE")
        if note:
            Path(note).write_text(str(os.getpid()))
        sum(range(10**15))


class Stubborn(Right):
    """Does not let itself be interrupted."""

    def forward(self, weights, x, bias):
        while True:
            try:
                time.sleep(60)
            except BaseException:
                continue


class Talkative(Right):
    def __init__(self):
        os.write(1, b"made\n")

    def forward(self, weights, x, bias):
        print("called")
        return super().forward(weights, x, bias)


class Leaving(Right):
    def __init__(self):
        sys.exit(3)


class Asking(Right):
    def forward(self, weights, x, bias):
        input()


class CrashingWhenMade(Right):
    def __init__(self):
        ctypes.string_at(0)


def with_argument(device):
    return Right()


def factory():
    return Right()


RIGHT = Right()
NUMBER = 1


def number():
    return 1


def not_covered(*arguments):
    raise NotCovered("no such device")
