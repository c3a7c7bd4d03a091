// Where a thread stands.

// The number of this thread among those of the launch, blocks of one axis.
__device__ inline long long global_thread() { return (long long)blockIdx.x * blockDim.x + threadIdx.x; }
