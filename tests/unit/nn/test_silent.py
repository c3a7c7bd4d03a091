"""Silent connections: no part in products, the gradient of the pattern, the same as without them to the bit."""

from __future__ import annotations

import numpy as np
import pytest

from gse_ref.autodiff import Tensor, grad
from gse_ref.backends import Geometry
from gse_ref.errors import InputError
from gse_ref.nn import SparseParameter, layer_product, probe, showing
from gse_ref.rng import stream
from gse_ref.sparse import LayerShape, erdos_renyi
from tests.bounds import assert_close
from tests.unfolded import flat, unfolded

#: A matrix, and convolutions with and without stride.
GEOMETRIES = {"matrix": None, "convolution": Geometry(3, 1, 1), "strided": Geometry(2, 2, 0)}
kinds = pytest.mark.parametrize("kind", GEOMETRIES)
dtypes = pytest.mark.parametrize("dtype", [np.float32, np.float64])


class Case:
    """One layer twice: with silent connections, and without them."""

    def __init__(self, kind: str, dtype: type = np.float64, share: float = 0.4) -> None:
        self.geometry = geometry = GEOMETRIES[kind]
        n_in = 12 if geometry is None else 3 * geometry.kernel**2
        layout = LayerShape(7, n_in, None if geometry is None else (geometry.kernel,) * 2)
        generator = stream(0, "check")
        topology = erdos_renyi((7, n_in), 40, stream(0, "topology"))
        values = generator.normal(size=40).astype(dtype)
        self.silent = generator.random(40) < share
        self.whole, self.alone = (SparseParameter(layout, dtype, geometry) for _ in range(2))
        self.whole.place(topology, values, self.silent)
        loud = np.flatnonzero(~self.silent)
        self.alone.place(topology.chosen(loud), values[loud])
        shape = (n_in, 6) if geometry is None else (3, 6, 4, 5)
        self.x, self.bias = generator.normal(size=shape).astype(dtype), generator.normal(size=7).astype(dtype)
        size = () if geometry is None else tuple(map(geometry.positions, shape[1:3]))
        self.dy = generator.normal(size=(7, *size, shape[-1])).astype(dtype)

    def passes(self, parameter: SparseParameter) -> tuple[np.ndarray, ...]:
        """Return y, dX, dθ, db."""
        x, bias = Tensor(self.x, requires_grad=True), Tensor(self.bias, requires_grad=True)
        y = layer_product(parameter, x, bias)
        parts = grad(y, [x, parameter, bias], self.dy)
        return (y.data, *(part.data for part in parts))

    def gradient(self) -> tuple[np.ndarray, np.ndarray]:
        """Return δXᵀ and Σ|δ||X| on the whole pattern, from unfolded arrays in float64."""
        x = self.x if self.geometry is None else unfolded(self.x, self.geometry)
        delta, patches = flat(self.dy).astype(np.float64), x.astype(np.float64)
        topology = self.whole.topology
        at = topology.rows, topology.indices
        return (delta @ patches.T)[at], (np.abs(delta) @ np.abs(patches).T)[at]


@kinds
@dtypes
@pytest.mark.parametrize("share", [0.4, 1.1])
def test_they_take_no_part(kind: str, dtype: type, share: float) -> None:
    """y, dX, db and the gradient of all others are those of the forward set alone, bit for bit."""
    case = Case(kind, dtype, share)
    (y, dx, dtheta, db), expected = case.passes(case.whole), case.passes(case.alone)
    for actual, wanted in zip((y, dx, dtheta[~case.silent], db), expected, strict=True):
        assert actual.dtype == dtype
        assert actual.tobytes() == wanted.tobytes()
    assert case.whole.nnz == case.alone.nnz == 40 - case.silent.sum()


@kinds
@dtypes
def test_they_get_the_gradient_of_the_pattern(kind: str, dtype: type) -> None:
    case = Case(kind, dtype)
    expected, magnitude = case.gradient()
    dtheta = case.passes(case.whole)[2]
    assert dtheta[case.silent].all()
    assert_close(dtheta, expected.astype(dtype), magnitude, case.dy[0].size)


@kinds
def test_their_values_change_nothing(kind: str) -> None:
    case = Case(kind)
    before = case.passes(case.whole)
    case.whole.data[case.silent] = np.nan
    for actual, wanted in zip(case.passes(case.whole), before, strict=True):
        assert actual.tobytes() == wanted.tobytes()


@kinds
def test_a_probe_is_shown_the_layer_once_and_no_gradient_is_computed(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, shown = Case(kind), []
    for name in ("sampled_product", "sampled_conv2d"):
        monkeypatch.setattr(f"gse_ref.nn.silent.{name}", None)
    x = Tensor(case.x, requires_grad=True)
    probe(
        lambda: (layer_product(case.whole, x) * Tensor(case.dy)).sum(),
        [case.whole],
        lambda parameter, x, delta: shown.append((parameter, x.tobytes(), delta.tobytes())),
    )
    assert shown == [(case.whole, case.x.tobytes(), case.dy.tobytes())]
    assert case.whole.grad is None


@kinds
def test_an_onlooker_sees_what_a_probe_sees_and_changes_no_gradient(kind: str) -> None:
    for parameter in ("whole", "alone"):
        case, shown = Case(kind), []
        layer = getattr(case, parameter)
        plain = case.passes(layer)
        with showing(lambda *seen, shown=shown: shown.append(seen)):
            watched = case.passes(layer)
        [(owner, x, delta)] = shown
        assert owner is layer
        assert (x.tobytes(), delta.tobytes()) == (case.x.tobytes(), case.dy.tobytes())
        assert [a.tobytes() for a in watched] == [a.tobytes() for a in plain]
        case.passes(layer)
        assert len(shown) == 1, "shown after its block"


def test_what_place_refuses() -> None:
    case = Case("matrix")
    topology, values = case.whole.topology, case.whole.data
    before = case.whole.state()
    for more, message in (
        ({"silent": np.zeros(39, bool)}, r"silent must be bool of shape \(40,\), got bool of shape \(39,\)"),
        ({"silent": np.zeros(40)}, r"silent must be bool of shape \(40,\), got float64"),
        ({"decay": np.ones(40, np.float32)}, r"decay must be float64 of shape \(40,\), got float32"),
        ({"decay": np.ones(41)}, r"decay must be float64 of shape \(40,\), got float64 of shape \(41,\)"),
    ):
        with pytest.raises(InputError, match=message):
            case.whole.place(topology, values, **more)
    assert case.whole.state() == before


def test_placing_again_forgets_who_was_silent() -> None:
    case = Case("matrix")
    assert case.whole.parts is not None
    case.whole.place(case.whole.topology, case.whole.data)
    assert case.whole.parts is None
    assert case.whole.nnz == 40
    case.whole.place(case.whole.topology, case.whole.data, ~case.silent)
    loud, quiet = case.whole.parts
    assert (loud.topology.nnz, quiet.topology.nnz) == (case.silent.sum(), (~case.silent).sum())
