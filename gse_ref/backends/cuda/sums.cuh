// Sums over the threads of a warp or block, in an order that depends on nothing but their number.

// The sum over the 32 lanes of a warp, in every lane. All of them take part.
template <typename T>
__device__ T warp_sum(T value) {
  for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(0xffffffffu, value, distance);
  return value;
}

// The sum over the threads of a block of whole warps, in every thread. All of them take part; `partial` is shared
// memory of one T for each warp, free again when it returns.
template <typename T>
__device__ T block_sum(T value, T* partial) {
  value = warp_sum(value);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;
  __syncthreads();
  T total = 0;
  for (unsigned warp = 0; warp < blockDim.x / 32; ++warp) total += partial[warp];
  __syncthreads();
  return total;
}
