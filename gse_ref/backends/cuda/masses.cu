// The sums over the batch that exploration draws by (ALGORITHM section 5.1), in double whatever the operands.
#include "sums.cuh"

// One block for each row; threads stride over its samples, so that neighbours read neighbouring elements.
template <typename T>
__device__ void sum_row(const T* x, const double* signs, double* mass, long long batch) {
  extern __shared__ __align__(16) unsigned char shared_memory[];
  const T* row = x + (long long)blockIdx.x * batch;
  double total = 0;
  for (long long b = threadIdx.x; b < batch; b += blockDim.x)
    total += signs ? double(row[b]) * signs[b] : fabs(double(row[b]));
  total = block_sum(total, reinterpret_cast<double*>(shared_memory));
  if (threadIdx.x == 0) mass[blockIdx.x] = fabs(total);
}

#define ENTRY(T, dtype)                                                                                          \
  extern "C" __global__ void __launch_bounds__(128) abs_sums_##dtype(const T* x, double* mass, long long batch) { \
    sum_row<T>(x, nullptr, mass, batch);                                                                         \
  }                                                                                                              \
  extern "C" __global__ void __launch_bounds__(128)                                                              \
      signed_sums_##dtype(const T* x, const double* signs, double* mass, long long batch) {                      \
    sum_row<T>(x, signs, mass, batch);                                                                           \
  }
ENTRY(float, float32)
ENTRY(double, float64)
#undef ENTRY
