// Products of a sparse matrix with a dense one, batch last (ALGORITHM section 2).
#include "sums.cuh"
#include "dots.cuh"

// Σ_k values[k] · x[indices[k], b] over the slots [first, last), on top of `total`. `slots` says where the value of a
// slot lies; null: at the slot itself.
template <typename T>
__device__ T gathered(long long first, long long last, const int* indices, const int* slots, const T* values,
                      const T* x, long long batch, long long b, T total) {
  for (long long k = first; k < last; ++k) total += values[slots ? slots[k] : k] * x[indices[k] * batch + b];
  return total;
}

// One block for each row and run of samples, one thread for each sample: neighbouring threads read neighbouring
// elements of x, and no two threads write one element, so that the sum is in the order of the slots.
template <typename T>
__device__ void multiply_row(const long long* indptr, const int* indices, const int* slots, const T* values,
                             const T* x, const T* bias, T* y, long long batch) {
  long long runs = (batch + blockDim.x - 1) / blockDim.x;
  long long row = blockIdx.x / runs;
  long long b = blockIdx.x % runs * blockDim.x + threadIdx.x;
  if (b >= batch) return;
  T start = bias ? bias[row] : T(0);
  y[row * batch + b] = gathered(indptr[row], indptr[row + 1], indices, slots, values, x, batch, b, start);
}

// One block for each column j: its warps share out the slots for the gradient of their values, then its threads the
// samples for dx. The second pass finds in cache the rows of dy that the first one fetched.
template <typename T>
__device__ void backward_column(const long long* indptr, const int* rows, const int* slots, const T* values,
                                const T* x, const T* dy, T* dx, T* dvalues, long long batch) {
  long long j = blockIdx.x, first = indptr[j], last = indptr[j + 1];
  for (long long k = first + threadIdx.x / 32; k < last; k += blockDim.x / 32) {
    T dot = warp_dot(dy + rows[k] * batch, x + j * batch, batch);
    if (threadIdx.x % 32 == 0) dvalues[slots[k]] = dot;
  }
  for (long long b = threadIdx.x; b < batch; b += blockDim.x)
    dx[j * batch + b] = gathered(first, last, rows, slots, values, dy, batch, b, T(0));
}

#define ENTRY(T, dtype)                                                                                          \
  extern "C" __global__ void __launch_bounds__(128)                                                              \
      spmm_##dtype(const long long* indptr, const int* indices, const T* values, const T* x, const T* bias,      \
                   T* y, long long batch) {                                                                      \
    multiply_row<T>(indptr, indices, nullptr, values, x, bias, y, batch);                                        \
  }                                                                                                              \
  extern "C" __global__ void __launch_bounds__(128)                                                              \
      spmm_t_##dtype(const long long* indptr, const int* rows, const int* slots, const T* values, const T* dy,   \
                     T* dx, long long batch) {                                                                   \
    multiply_row<T>(indptr, rows, slots, values, dy, nullptr, dx, batch);                                        \
  }                                                                                                              \
  extern "C" __global__ void __launch_bounds__(128)                                                              \
      spmm_backward_##dtype(const long long* indptr, const int* rows, const int* slots, const T* values,         \
                            const T* x, const T* dy, T* dx, T* dvalues, long long batch) {                       \
    backward_column<T>(indptr, rows, slots, values, x, dy, dx, dvalues, batch);                                  \
  }
ENTRY(float, float32)
ENTRY(double, float64)
#undef ENTRY
