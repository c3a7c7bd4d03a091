// Samples from a data set stored batch first to a batch stored batch last, scaled on the way.

// A tile of 32 samples by 32 features goes through shared memory: it is read along the features and written along the
// samples, so that neighbouring threads touch neighbouring elements both times. A row of the tile is one element
// longer than it needs to be, so that a column lies in 32 different banks. Scaled in double and rounded once; the
// product is not contracted with the addition, so that every backend gives the same bits. `scale` and `shift` hold one
// number for each feature if `each`, else one for all.
template <typename S, typename T>
__device__ void gather_tile(const S* features, const long long* order, const double* scale, const double* shift, T* x,
                            long long n_features, long long batch, long long each) {
  extern __shared__ __align__(16) unsigned char shared_memory[];
  T* tile = reinterpret_cast<T*>(shared_memory);
  const int side = 32, pitch = side + 1;
  int lane = threadIdx.x % side, first = threadIdx.x / side, step = blockDim.x / side;
  long long j = (long long)blockIdx.y * side + lane;
  for (int s = first; s < side; s += step) {
    long long k = (long long)blockIdx.x * side + s;
    if (j >= n_features || k >= batch) continue;
    double scaled = __dmul_rn(double(features[order[k] * n_features + j]), scale[each ? j : 0]);
    tile[s * pitch + lane] = T(__dadd_rn(scaled, shift[each ? j : 0]));
  }
  __syncthreads();
  long long k = (long long)blockIdx.x * side + lane;
  for (int f = first; f < side; f += step) {
    long long row = (long long)blockIdx.y * side + f;
    if (row < n_features && k < batch) x[row * batch + k] = tile[lane * pitch + f];
  }
}

#define ENTRY(S, T, dtypes)                                                                                      \
  extern "C" __global__ void __launch_bounds__(256)                                                              \
      gather_##dtypes(const S* features, const long long* order, const double* scale, const double* shift, T* x, \
                      long long n_features, long long batch, long long each) {                                   \
    gather_tile<S, T>(features, order, scale, shift, x, n_features, batch, each);                                \
  }
ENTRY(unsigned char, float, uint8_float32)
ENTRY(unsigned char, double, uint8_float64)
ENTRY(float, float, float32_float32)
ENTRY(float, double, float32_float64)
ENTRY(double, float, float64_float32)
ENTRY(double, double, float64_float64)
#undef ENTRY
