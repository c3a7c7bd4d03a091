// Batch normalisation by channel with residual and ReLU, and its gradients; in double whatever the operands.
#include "sums.cuh"
#include "threads.cuh"

// One block for each channel: the mean, then the mean square about it, which does not cancel.
template <typename T>
__device__ void channel_moments(const T* x, double* mean, double* variance, long long size) {
  extern __shared__ __align__(16) unsigned char shared_memory[];
  double* partial = reinterpret_cast<double*>(shared_memory);
  const T* channel = x + (long long)blockIdx.x * size;
  double total = 0;
  for (long long e = threadIdx.x; e < size; e += blockDim.x) total += double(channel[e]);
  double centre = block_sum(total, partial) / double(size);
  total = 0;
  for (long long e = threadIdx.x; e < size; e += blockDim.x) {
    double deviation = double(channel[e]) - centre;
    total += deviation * deviation;
  }
  total = block_sum(total, partial);
  if (threadIdx.x == 0) {
    mean[blockIdx.x] = centre;
    variance[blockIdx.x] = total / double(size);
  }
}

// One thread for each element. A comparison with NaN is false: NaN passes the ReLU.
template <typename T>
__device__ void normalise_element(const T* x, const T* gamma, const T* beta, const double* mean,
                                  const double* variance, const T* residual, T* y, long long size,
                                  long long channels, long long relu, double epsilon) {
  long long e = global_thread();
  if (e >= channels * size) return;
  long long c = e / size;
  double value = double(gamma[c]) * ((double(x[e]) - mean[c]) / sqrt(variance[c] + epsilon)) + double(beta[c]);
  if (residual) value += double(residual[e]);
  y[e] = relu && value < 0 ? T(0) : T(value);
}

template <typename T>
__device__ double pulled(const T* y, const T* dy, long long e, long long relu) {
  return relu && !(y[e] > 0) ? 0.0 : double(dy[e]);
}

// One block for each channel: Σ t and Σ t · x̂, rounded to dbeta and dgamma and kept in double in `sums` (channels, 2).
template <typename T>
__device__ void channel_gradients(const T* x, const T* y, const T* dy, const double* mean, const double* variance,
                                  double* sums, T* dgamma, T* dbeta, long long size, long long relu,
                                  double epsilon) {
  extern __shared__ __align__(16) unsigned char shared_memory[];
  double* partial = reinterpret_cast<double*>(shared_memory);
  long long c = blockIdx.x, start = c * size;
  double scale = 1 / sqrt(variance[c] + epsilon), total = 0, product = 0;
  for (long long e = start + threadIdx.x; e < start + size; e += blockDim.x) {
    double pull = pulled(y, dy, e, relu);
    total += pull;
    product += pull * ((double(x[e]) - mean[c]) * scale);
  }
  total = block_sum(total, partial);
  product = block_sum(product, partial);
  if (threadIdx.x > 0) return;
  sums[2 * c] = total;
  sums[2 * c + 1] = product;
  dbeta[c] = T(total);
  dgamma[c] = T(product);
}

// One thread for each element; `masked` takes the gradient of the residual where it is wanted.
template <typename T>
__device__ void element_gradient(const T* x, const T* y, const T* dy, const T* gamma, const double* mean,
                                 const double* variance, const double* sums, T* dx, T* masked, long long size,
                                 long long channels, long long relu, double epsilon) {
  long long e = global_thread();
  if (e >= channels * size) return;
  long long c = e / size;
  double deviation = sqrt(variance[c] + epsilon), pull = pulled(y, dy, e, relu);
  double hat = (double(x[e]) - mean[c]) / deviation;
  double inner = pull - sums[2 * c] / double(size) - hat * (sums[2 * c + 1] / double(size));
  dx[e] = T(double(gamma[c]) * (inner / deviation));
  if (masked) masked[e] = T(pull);
}

#define ENTRY(T, dtype)                                                                                          \
  extern "C" __global__ void __launch_bounds__(256)                                                              \
      moments_##dtype(const T* x, double* mean, double* variance, long long size) {                              \
    channel_moments<T>(x, mean, variance, size);                                                                 \
  }                                                                                                              \
  extern "C" __global__ void __launch_bounds__(128)                                                              \
      normalise_##dtype(const T* x, const T* gamma, const T* beta, const double* mean, const double* variance,   \
                        const T* residual, T* y, long long size, long long channels, long long relu,             \
                        double epsilon) {                                                                        \
    normalise_element<T>(x, gamma, beta, mean, variance, residual, y, size, channels, relu, epsilon);            \
  }                                                                                                              \
  extern "C" __global__ void __launch_bounds__(256)                                                              \
      norm_sums_##dtype(const T* x, const T* y, const T* dy, const double* mean, const double* variance,         \
                        double* sums, T* dgamma, T* dbeta, long long size, long long relu, double epsilon) {     \
    channel_gradients<T>(x, y, dy, mean, variance, sums, dgamma, dbeta, size, relu, epsilon);                    \
  }                                                                                                              \
  extern "C" __global__ void __launch_bounds__(128)                                                              \
      norm_gradient_##dtype(const T* x, const T* y, const T* dy, const T* gamma, const double* mean,             \
                            const double* variance, const double* sums, T* dx, T* masked, long long size,        \
                            long long channels, long long relu, double epsilon) {                                \
    element_gradient<T>(x, y, dy, gamma, mean, variance, sums, dx, masked, size, channels, relu, epsilon);       \
  }
ENTRY(float, float32)
ENTRY(double, float64)
#undef ENTRY
