// The dense gradient at chosen places: on the pattern, and on sampled pairs (ALGORITHM sections 2 and 5.4).
#include "sums.cuh"
#include "dots.cuh"

// One block for each row i, whose warps share out its slots: dy[i] is read from memory once.
template <typename T>
__device__ void gradient_of_row(const long long* indptr, const int* indices, const T* dy, const T* x, T* dvalues,
                                long long batch) {
  long long i = blockIdx.x;
  for (long long k = indptr[i] + threadIdx.x / 32; k < indptr[i + 1]; k += blockDim.x / 32) {
    T dot = warp_dot(dy + i * batch, x + indices[k] * batch, batch);
    if (threadIdx.x % 32 == 0) dvalues[k] = dot;
  }
}

// One warp for each pair.
template <typename T>
__device__ void gradient_of_pair(const int* rows, const int* cols, const T* dy, const T* x, T* scores, long long size,
                                 long long batch) {
  long long k = (long long)blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
  if (k >= size) return;
  T dot = warp_dot(dy + rows[k] * batch, x + cols[k] * batch, batch);
  if (threadIdx.x % 32 == 0) scores[k] = dot;
}

#define ENTRY(T, dtype)                                                                                          \
  extern "C" __global__ void __launch_bounds__(128)                                                              \
      sddmm_##dtype(const long long* indptr, const int* indices, const T* dy, const T* x, T* dvalues,            \
                    long long batch) {                                                                           \
    gradient_of_row<T>(indptr, indices, dy, x, dvalues, batch);                                                  \
  }                                                                                                              \
  extern "C" __global__ void __launch_bounds__(128)                                                              \
      sddmm_pairs_##dtype(const int* rows, const int* cols, const T* dy, const T* x, T* scores, long long size,  \
                          long long batch) {                                                                     \
    gradient_of_pair<T>(rows, cols, dy, x, scores, size, batch);                                                 \
  }
ENTRY(float, float32)
ENTRY(double, float64)
#undef ENTRY
