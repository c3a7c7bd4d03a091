// Sparse convolutions without an unfolded image (ALGORITHM section 2); column (c · kernel + u) · kernel + v.
#include "threads.cuh"
#include "windows.cuh"

// One block for each output channel and run of positions and samples, one thread for each of these: neighbouring
// threads read neighbouring elements of x. Sums are in the order of the slots.
template <typename T>
__device__ void convolve(const long long* indptr, const int* indices, const T* values, const T* x, const T* bias,
                         T* y, const Windows& at) {
  long long runs = (at.outputs() + blockDim.x - 1) / blockDim.x;
  long long o = blockIdx.x / runs, e = blockIdx.x % runs * blockDim.x + threadIdx.x;
  if (e >= at.outputs()) return;
  Output out(at, e);
  T total = bias ? bias[o] : T(0);
  for (long long k = indptr[o]; k < indptr[o + 1]; ++k) {
    long long c = indices[k] / at.taps(), tap = indices[k] % at.taps();
    long long p = out.row(at, tap / at.kernel), q = out.col(at, tap % at.kernel);
    if (at.inside(p, q)) total += values[k] * x[((c * at.height + p) * at.width + q) * at.batch + out.b];
  }
  y[o * at.outputs() + e] = total;
}

// One block for each input channel and run of pixels and samples. A tap reaches the pixel from one window at most.
template <typename T>
__device__ void convolve_transposed(const long long* indptr, const int* rows, const int* slots, const T* values,
                                    const T* dy, T* dx, const Windows& at) {
  long long runs = (at.pixels() + blockDim.x - 1) / blockDim.x;
  long long c = blockIdx.x / runs, e = blockIdx.x % runs * blockDim.x + threadIdx.x;
  if (e >= at.pixels()) return;
  long long p = e / at.batch / at.width, q = e / at.batch % at.width, b = e % at.batch;
  T total = 0;
  for (long long tap = 0; tap < at.taps(); ++tap) {
    long long down = p + at.padding - tap / at.kernel, across = q + at.padding - tap % at.kernel;
    if (down < 0 || across < 0 || down % at.stride || across % at.stride) continue;
    long long i = down / at.stride, j = across / at.stride;
    if (i >= at.down || j >= at.across) continue;
    long long column = c * at.taps() + tap;
    for (long long k = indptr[column]; k < indptr[column + 1]; ++k)
      total += values[slots[k]] * dy[((rows[k] * at.down + i) * at.across + j) * at.batch + b];
  }
  dx[c * at.pixels() + e] = total;
}

#define ENTRY(T, dtype)                                                                                          \
  extern "C" __global__ void __launch_bounds__(128)                                                              \
      conv_##dtype(const long long* indptr, const int* indices, const T* values, const T* x, const T* bias, T* y, \
                   WINDOWS) {                                                                                    \
    convolve<T>(indptr, indices, values, x, bias, y, THE_WINDOWS);                                               \
  }                                                                                                              \
  extern "C" __global__ void __launch_bounds__(128)                                                              \
      conv_t_##dtype(const long long* indptr, const int* rows, const int* slots, const T* values, const T* dy,   \
                     T* dx, WINDOWS) {                                                                           \
    convolve_transposed<T>(indptr, rows, slots, values, dy, dx, THE_WINDOWS);                                    \
  }
ENTRY(float, float32)
ENTRY(double, float64)
#undef ENTRY
