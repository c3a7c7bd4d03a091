// Exact selection of the k highest scores, ties to the lower position (ALGORITHM section 5.6).
#include "threads.cuh"

// An integer that orders as the score does; both zeros are one. The bits of a float that is not negative order as it
// does; those of a negative one order backward.
template <typename T, typename Bits>
__device__ long long order_of(T score) {
  Bits bits;
  memcpy(&bits, &score, sizeof(T));
  const Bits all_but_the_sign = Bits(~0ULL >> (65 - 8 * sizeof(T)));
  return bits < 0 ? -(long long)(bits & all_but_the_sign) : (long long)bits;
}

// `highest` points to the k-th highest key. Every thread marks whether its score is above it, and whether it equals it.
extern "C" __global__ void __launch_bounds__(128)
    compare_keys(const long long* keys, const long long* highest, long long* above, long long* tied, long long size) {
  long long i = global_thread();
  if (i >= size) return;
  above[i] = keys[i] > *highest;
  tied[i] = keys[i] == *highest;
}

// `above` and `tied` (size + 1,) count the marks before each position; of the tied ones the first fill up to k.
extern "C" __global__ void __launch_bounds__(128)
    write_selected(const long long* above, const long long* tied, long long* positions, long long k, long long size) {
  long long i = global_thread();
  if (i >= size) return;
  long long wanted = k - above[size];
  bool taken = above[i + 1] > above[i] || (tied[i + 1] > tied[i] && tied[i] < wanted);
  if (taken) positions[above[i] + (tied[i] < wanted ? tied[i] : wanted)] = i;
}

#define ENTRY(T, Bits, dtype)                                                                                    \
  extern "C" __global__ void __launch_bounds__(128)                                                              \
      ordered_keys_##dtype(const T* scores, long long* keys, long long size) {                                   \
    long long i = global_thread();                                                                               \
    if (i < size) keys[i] = order_of<T, Bits>(scores[i]);                                                        \
  }
ENTRY(float, int, float32)
ENTRY(double, long long, float64)
#undef ENTRY
