// Products of a sparse matrix with a dense one, batch last (ALGORITHM section 2).

// One block for each row and run of samples, one thread for each sample: neighbouring threads read neighbouring
// elements of x, and no two threads write one element, so that the sum is in the order of the slots.
template <typename T>
__device__ void multiply_row(const long long* indptr, const int* indices, const T* values, const T* x, const T* bias,
                             T* y, long long batch) {
  long long runs = (batch + blockDim.x - 1) / blockDim.x;
  long long row = blockIdx.x / runs;
  long long b = blockIdx.x % runs * blockDim.x + threadIdx.x;
  if (b >= batch) return;
  T total = bias ? bias[row] : T(0);
  for (long long k = indptr[row]; k < indptr[row + 1]; ++k) total += values[k] * x[indices[k] * batch + b];
  y[row * batch + b] = total;
}

#define ENTRY(T, dtype)                                                                                          \
  extern "C" __global__ void __launch_bounds__(128)                                                              \
      spmm_##dtype(const long long* indptr, const int* indices, const T* values, const T* x, const T* bias,      \
                   T* y, long long batch) {                                                                      \
    multiply_row<T>(indptr, indices, values, x, bias, y, batch);                                                 \
  }
ENTRY(float, float32)
ENTRY(double, float64)
#undef ENTRY
