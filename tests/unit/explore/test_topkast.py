"""Top-KAST: the sets nest, have their sizes, and the weights outside keep theirs."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gse_ref.explore import Request, Target
from gse_ref.explore.proposal import Layers
from gse_ref.explore.topkast import start_masters, topkast, topkast_sparse
from gse_ref.explore.update import TopologyUpdate
from gse_ref.nn import SparseParameter
from gse_ref.rng import stream
from gse_ref.sparse import LayerShape, erdos_renyi, full, layer_budgets

SHAPES = [(20, 24), (16, 20), (5, 16)]
DENSITIES = [0.02, 0.2, 0.7, 1.0]


def layers(density: float) -> dict[str, SparseParameter]:
    """Return layers of weights on a coarse grid, so that ties abound."""
    layouts = [LayerShape(*shape) for shape in SHAPES]
    found = {}
    for number, (layout, nnz) in enumerate(
        zip(layouts, layer_budgets("erdos_renyi", layouts, density), strict=True)
    ):
        parameter = SparseParameter(layout)
        shape = (layout.n_out, layout.n_in)
        topology = full(shape) if density == 1 else erdos_renyi(shape, nnz, stream(0, "topology", number))
        values = stream(1, "weights", number).integers(-3, 4, topology.nnz).astype(np.float32)
        parameter.place(topology, values)
        found[str(number)] = parameter
    return found


def asked(step: int, density: float, gamma: float, memory=None, last: bool = False) -> Request:
    more = {"target": Target(density, density), "memory": memory or {}, "last": last}
    return Request(0, step, 0.0, "global", gamma, lambda observer: None, **more)


def apply(network: Layers, change: TopologyUpdate) -> None:
    for name, row in change.layers.items():
        network[name].rewire(row.topology, row.slot_map, row.values, row.silent, row.decay)


def forward_ids(parameter: SparseParameter) -> set[int]:
    silent = np.zeros(parameter.topology.nnz, bool) if parameter.silent is None else parameter.silent
    return set(parameter.topology.edge_ids[~silent].tolist())


def sizes_are_right(network: Layers, density: float, gamma: float, most: bool) -> None:
    layouts = [p.layout for p in network.values()]
    wanted = layer_budgets("erdos_renyi", layouts, density)
    for parameter, count in zip(network.values(), wanted, strict=True):
        assert parameter.nnz == len(forward_ids(parameter)) == count
        wider = min(parameter.topology.size, count + math.ceil(gamma * count - 1e-9))
        assert parameter.topology.nnz == wider if most else count <= parameter.topology.nnz <= wider
        if parameter.silent is None:
            assert parameter.decay is True
        else:
            factors = np.where(parameter.silent, np.float32(1 / density), np.float32(1))
            assert np.array_equal(parameter.decay, factors), "L2 on the forward set, L2 / D on the rest"


@pytest.mark.parametrize("gamma", [0.3, 1.0, 9.0])
@pytest.mark.parametrize("density", DENSITIES)
def test_topkast_takes_the_largest_of_the_master_copy(density: float, gamma: float) -> None:
    network = layers(1.0)
    dense = {name: p.data.copy() for name, p in network.items()}
    memory = start_masters(network)
    for step in (1, 4, 8):
        change = topkast(network, asked(step, density, gamma, memory))
        assert all(np.array_equal(change.memory[n], dense[n]) for n in network), "written back, nothing lost"
        apply(network, change)
        memory = dict(change.memory)
        sizes_are_right(network, density, gamma, most=True)
        for name, parameter in network.items():
            order = sorted(range(len(dense[name])), key=lambda e, d=dense[name]: (-abs(d[e]), e))
            forward, backward = forward_ids(parameter), set(parameter.topology.edge_ids.tolist())
            assert forward <= backward
            assert forward == set(order[: len(forward)])
            assert backward == set(order[: len(backward)])
            assert np.array_equal(parameter.data, dense[name][parameter.topology.edge_ids])
        for name, parameter in network.items():  # a step of training, on the backward set alone
            parameter.data = parameter.data + stream(step, "weights").integers(-2, 3, len(parameter.data))
            parameter.data = parameter.data.astype(np.float32)
            dense[name][parameter.topology.edge_ids] = parameter.data


def test_from_the_last_update_on_only_the_forward_set_learns() -> None:
    network = layers(1.0)
    apply(network, topkast(network, asked(1, 0.2, 1.0, start_masters(network), last=True)))
    assert all(p.silent is None and p.decay is True for p in network.values())
    network = layers(0.2)
    apply(network, topkast_sparse(network, asked(1, 0.2, 1.0, last=True)))
    assert all(p.silent is None and p.decay is True for p in network.values())
    assert [p.topology for p in network.values()] == [p.topology for p in layers(0.2).values()]


@pytest.mark.parametrize("gamma", [0.3, 1.0, 9.0])
@pytest.mark.parametrize("density", DENSITIES)
def test_topkast_sparse_keeps_the_largest_of_its_backward_set(density: float, gamma: float) -> None:
    network = layers(density)
    for step in (1, 4, 8):
        before = {name: dict(zip(p.topology.edge_ids.tolist(), p.data, strict=True)) for name, p in network.items()}
        silent = {name: set(before[name]) - forward_ids(p) for name, p in network.items()}
        momenta = {name: 1.0 + np.arange(p.topology.nnz) for name, p in network.items()}
        change = topkast_sparse(network, asked(step, density, gamma))
        for name, row in change.layers.items():
            momenta[name] = row.slot_map.carry(momenta[name])
        apply(network, change)
        sizes_are_right(network, density, gamma, most=False)
        for name, parameter in network.items():
            old, forward = before[name], forward_ids(parameter)
            order = sorted(old, key=lambda e, old=old: (-abs(old[e]), e))
            assert forward == set(order[: len(forward)])
            assert change.layers[name].grown == len(forward & silent[name])
            assert change.layers[name].pruned == len(set(old) - silent[name] - forward)
            ids = parameter.topology.edge_ids.tolist()
            for edge, weight, momentum in zip(ids, parameter.data, momenta[name], strict=True):
                assert weight == (old[edge] if edge in forward else 0), "candidates start from 0"
                assert (momentum > 0) == (edge in forward)
            assert parameter.topology.nnz == len(forward) + change.layers[name].candidates
        for parameter in network.values():
            parameter.data = parameter.data + stream(step, "weights").integers(-2, 3, len(parameter.data))
            parameter.data = parameter.data.astype(np.float32)
