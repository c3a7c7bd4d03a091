"""The emulation of CUDA itself: it does what a device does, and complains of what no kernel may do."""

from __future__ import annotations

import numpy as np
import pytest

from gse_ref.backends import cuda
from tests.host_cuda.build import compiled, needs_compiler
from tests.host_cuda.device import ORDERS, HostDevice, KernelError

pytestmark = needs_compiler

HEAD = 'extern "C" __global__ void alias_draw('
SHARED = """extern __shared__ __align__(16) unsigned char shared_memory[];
  long long* shared = (long long*)shared_memory;"""
REVERSE = HEAD + (
    "const long long* x, long long* y, long long n) {\n  "
    + SHARED
    + """
  long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  shared[threadIdx.x] = x[i];
  __syncthreads();
  y[i] = shared[blockDim.x - 1 - threadIdx.x] * n;
}"""
)


@pytest.fixture(autouse=True)
def _one_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the table have one kernel, whose text each test gives; its name is one of the package's."""
    monkeypatch.setattr("gse_ref.backends.cuda.table.KERNELS", {"alias_draw": cuda.Kernel("alias", "a test")})


def device(text: str, order: int = 0) -> HostDevice:
    return HostDevice(order, {"alias": text})


def run(
    text: str, *args: object, order: int = 0, blocks: int = 1, threads: int = 64, shared_bytes: int = 0
) -> None:
    device(text, order).launch("alias_draw", blocks, threads, args, shared_bytes)


@pytest.mark.parametrize("order", ORDERS)
def test_barriers_and_shared_memory(order: int) -> None:
    x, y = np.arange(192), np.zeros(192, np.int64)
    run(REVERSE, x, y, 3, order=order, blocks=3, shared_bytes=64 * 8)
    np.testing.assert_array_equal(y.reshape(3, 64), 3 * x.reshape(3, 64)[:, ::-1])


@pytest.mark.parametrize("order", ORDERS)
def test_without_its_barrier_a_kernel_is_wrong_in_every_order(order: int) -> None:
    x, y = np.arange(64), np.zeros(64, np.int64)
    run(REVERSE.replace("__syncthreads();", ""), x, y, 3, order=order, shared_bytes=64 * 8)
    assert (y != 3 * x[::-1]).any()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("shuffle", "source"),
    [
        ("__shfl_sync(~0u, x[i], 5)", lambda lane: lane * 0 + 5),
        ("__shfl_xor_sync(~0u, x[i], 6)", lambda lane: lane ^ 6),
        ("__shfl_down_sync(~0u, x[i], 3)", lambda lane: np.where(lane < 29, lane + 3, lane)),
        ("__shfl_up_sync(~0u, x[i], 3)", lambda lane: np.where(lane > 2, lane - 3, lane)),
    ],
)
def test_shuffles_are_those_of_a_warp(shuffle: str, source, order: int) -> None:
    text = HEAD + "const double* x, double* y) { unsigned i = threadIdx.x; y[i] = " + shuffle + "; }"
    x, y = np.arange(64.0) ** 2, np.zeros(64)
    run(text, x, y, order=order)
    lane = np.arange(64) % 32
    np.testing.assert_array_equal(y, x[np.arange(64) - lane + source(lane)])


def test_a_shuffle_after_a_shuffle_reads_the_new_value() -> None:
    text = (
        HEAD
        + """double* y) {
  double v = threadIdx.x;
  for (int d = 16; d > 0; d /= 2) v += __shfl_xor_sync(~0u, v, d);
  y[threadIdx.x] = v;
}"""
    )
    for order in ORDERS:
        y = np.zeros(64)
        run(text, y, order=order)
        np.testing.assert_array_equal(y, np.repeat([31 * 16, 31 * 16 + 32 * 32], 32))


def test_axes_of_blocks() -> None:
    text = (
        HEAD
        + """long long* y) {
  long long block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  y[block * blockDim.x + threadIdx.x] = 100 * blockIdx.z + 10 * blockIdx.y + blockIdx.x;
}"""
    )
    y = np.zeros((2, 3, 4, 32), np.int64)
    device(text).launch("alias_draw", (4, 3, 2), 32, (y,))
    z, row, col = np.indices((2, 3, 4))
    np.testing.assert_array_equal(y, np.repeat((100 * z + 10 * row + col)[..., None], 32, axis=3))


def test_no_block_no_launch() -> None:
    y = np.zeros(4)
    run(HEAD + "double* y) { y[0] = 1; }", y, blocks=0)
    assert not y.any()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("body", "complaint"),
    [
        ("if (threadIdx.x < 40) __syncthreads();", "barrier or shuffle that others"),
        ("if (threadIdx.x % 2) __shfl_sync(~0u, 1, 0); else __syncthreads();", "barrier or shuffle that others"),
        ("y[64 + threadIdx.x] = 1;", "before its first or behind its last"),
        ("y[-1] = 1;", "before its first or behind its last"),
        ("y[1LL << 40] = 1;", "crashed"),
        ("y[0] = 7 / (long long)x[0];", "crashed"),
        ("((double*)x)[3] = 7;", "const"),
        ("extern __shared__ unsigned char shared_memory[]; shared_memory[8] = 1;", "beyond the shared memory"),
    ],
)
def test_what_no_kernel_may_do(body: str, complaint: str, order: int) -> None:
    text = HEAD + "const double* x, double* y) { " + body + " }"
    with pytest.raises(KernelError, match=complaint):
        run(text, np.zeros(64), np.zeros(64), order=order, shared_bytes=8)
    y = np.zeros(64)
    run(HEAD + "double* y) { y[threadIdx.x] = threadIdx.x; }", y, order=order)
    np.testing.assert_array_equal(y, np.arange(64), err_msg="the next launch starts afresh")


def test_what_is_read_beyond_an_array_is_no_number() -> None:
    y = np.zeros(2)
    run(HEAD + "const double* x, double* y) { y[0] = x[-1]; y[1] = x[1]; }", np.zeros(1), y, threads=1)
    assert np.isnan(y).all()


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        ((np.zeros(4), np.zeros(4), 1), "takes 4 arguments, got 3"),
        ((np.zeros(4, np.float32), np.zeros(4), 1, 1.0), "got float32"),
        ((np.zeros(8)[::2], np.zeros(4), 1, 1.0), "C-ordered: False"),
        ((np.zeros(4), [0.0], 1, 1.0), "got list, expected an array"),
        ((np.zeros(4), np.zeros(4), 1.0, 1.0), "got float, expected int"),
        ((np.zeros(4), np.zeros(4), 1, 1), "got int, expected float"),
    ],
)
def test_arguments_must_be_those_of_the_kernel(args: tuple[object, ...], complaint: str) -> None:
    with pytest.raises(KernelError, match=complaint):
        run(HEAD + "const double* x, double* y, long long n, double a) { }", *args)


def test_numbers_of_other_types_are_refused() -> None:
    with pytest.raises(KernelError, match="long long or double"):
        run(HEAD + "int n) { }", 1)


def test_more_threads_than_a_device_has() -> None:
    with pytest.raises(KernelError, match="no device"):
        run(HEAD + "long long n) { }", 1, threads=1025)


def test_shared_arrays_of_a_size_of_their_own_are_refused() -> None:
    with pytest.raises(ValueError, match="declared `extern`"):
        compiled("  __shared__ float tile[32];", ())


def test_what_is_no_cpp_is_refused() -> None:
    with pytest.raises(RuntimeError, match="refuses the kernels"):
        compiled('extern "C" __global__ void k() { undeclared; }', ("k",))
