// Scalar products of two rows over the batch, by one warp.

// Σ_b a[b] · c[b], in every lane of the warp. Lanes stride over the samples; all 32 take part. Needs sums.cuh.
template <typename T>
__device__ T warp_dot(const T* a, const T* c, long long batch) {
  T total = 0;
  for (long long b = threadIdx.x % 32; b < batch; b += 32) total += a[b] * c[b];
  return warp_sum(total);
}
