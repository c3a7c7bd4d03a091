// Sums over all positions and samples of a convolution: the gradient at chosen places, and what exploration draws by
// (ALGORITHM sections 2, 5.1 and 5.4). One block for each sum, whose threads stride over the outputs.
#include "sums.cuh"
#include "windows.cuh"

// The pixel that output `out` sees at `column` of the unfolded image, where it lies inside; else null.
template <typename T>
__device__ const T* seen(const T* x, const Output& out, long long column, const Windows& at) {
  long long c = column / at.taps(), tap = column % at.taps();
  long long p = out.row(at, tap / at.kernel), q = out.col(at, tap % at.kernel);
  return at.inside(p, q) ? x + ((c * at.height + p) * at.width + q) * at.batch + out.b : nullptr;
}

// Σ dy[o, i, j, b] · x[c, …, b], in every thread of the block.
template <typename T>
__device__ T patch_product(const T* dy, const T* x, long long o, long long column, const Windows& at, T* partial) {
  T total = 0;
  for (long long e = threadIdx.x; e < at.outputs(); e += blockDim.x) {
    const T* pixel = seen(x, Output(at, e), column, at);
    if (pixel) total += dy[o * at.outputs() + e] * *pixel;
  }
  return block_sum(total, partial);
}

// One block for each pair.
template <typename T>
__device__ void gradient_of_pair(const int* rows, const int* cols, const T* dy, const T* x, T* scores,
                                 const Windows& at) {
  extern __shared__ __align__(16) unsigned char shared_memory[];
  long long k = blockIdx.x;
  T product = patch_product(dy, x, rows[k], cols[k], at, reinterpret_cast<T*>(shared_memory));
  if (threadIdx.x == 0) scores[k] = product;
}

// One block for each column of θ, which goes through the slots of that column.
template <typename T>
__device__ void gradient_of_column(const long long* indptr, const int* rows, const int* slots, const T* dy,
                                   const T* x, T* dvalues, const Windows& at) {
  extern __shared__ __align__(16) unsigned char shared_memory[];
  long long column = blockIdx.x;
  for (long long k = indptr[column]; k < indptr[column + 1]; ++k) {
    T product = patch_product(dy, x, rows[k], column, at, reinterpret_cast<T*>(shared_memory));
    if (threadIdx.x == 0) dvalues[slots[k]] = product;
  }
}

// One block for each column of the unfolded image, in double whatever the operands; `signs` null: absolute values.
template <typename T>
__device__ void sum_column(const T* x, const double* signs, double* mass, const Windows& at) {
  extern __shared__ __align__(16) unsigned char shared_memory[];
  double total = 0;
  for (long long e = threadIdx.x; e < at.outputs(); e += blockDim.x) {
    const T* pixel = seen(x, Output(at, e), blockIdx.x, at);
    if (pixel) total += signs ? double(*pixel) * signs[e] : fabs(double(*pixel));
  }
  total = block_sum(total, reinterpret_cast<double*>(shared_memory));
  if (threadIdx.x == 0) mass[blockIdx.x] = fabs(total);
}

#define ENTRY(T, dtype)                                                                                          \
  extern "C" __global__ void __launch_bounds__(128)                                                              \
      conv_pairs_##dtype(const int* rows, const int* cols, const T* dy, const T* x, T* scores, WINDOWS) {        \
    gradient_of_pair<T>(rows, cols, dy, x, scores, THE_WINDOWS);                                                 \
  }                                                                                                              \
  extern "C" __global__ void __launch_bounds__(128)                                                              \
      conv_gradient_##dtype(const long long* indptr, const int* rows, const int* slots, const T* dy, const T* x, \
                            T* dvalues, WINDOWS) {                                                               \
    gradient_of_column<T>(indptr, rows, slots, dy, x, dvalues, THE_WINDOWS);                                     \
  }                                                                                                              \
  extern "C" __global__ void __launch_bounds__(128)                                                              \
      patch_abs_sums_##dtype(const T* x, double* mass, WINDOWS) {                                                \
    sum_column<T>(x, nullptr, mass, THE_WINDOWS);                                                                \
  }                                                                                                              \
  extern "C" __global__ void __launch_bounds__(128)                                                              \
      patch_signed_sums_##dtype(const T* x, const double* signs, double* mass, WINDOWS) {                        \
    sum_column<T>(x, signs, mass, THE_WINDOWS);                                                                  \
  }
ENTRY(float, float32)
ENTRY(double, float64)
#undef ENTRY
