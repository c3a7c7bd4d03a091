// Maximum pools, what they send back, and what they picked. `channels` is that of the images.
#include "threads.cuh"
#include "windows.cuh"

// One thread for each output: the first NaN, else the first maximum, in the order of rows.
template <typename T>
__device__ void pool_window(const T* x, T* y, unsigned char* taps, long long channels, const Windows& at) {
  long long e = global_thread();
  if (e >= channels * at.outputs()) return;
  long long c = e / at.outputs();
  Output out(at, e % at.outputs());
  bool found = false;
  T best = 0;
  long long chosen = 0;
  for (long long tap = 0; tap < at.taps(); ++tap) {
    long long p = out.row(at, tap / at.kernel), q = out.col(at, tap % at.kernel);
    if (!at.inside(p, q)) continue;
    T value = x[((c * at.height + p) * at.width + q) * at.batch + out.b];
    if (found && !(value > best) && !(value != value && best == best)) continue;
    found = true;
    best = value;
    chosen = tap;
  }
  y[e] = best;
  taps[e] = (unsigned char)chosen;
}

// One thread for each pixel: the windows that reach it, in their order; those that picked it send it their gradient.
template <typename T>
__device__ void unpool_pixel(const T* dy, const unsigned char* taps, T* dx, long long channels, const Windows& at) {
  long long e = global_thread();
  if (e >= channels * at.pixels()) return;
  long long b = e % at.batch, q = e / at.batch % at.width, p = e / at.batch / at.width % at.height;
  long long c = e / at.pixels();
  double total = 0;
  for (long long u = at.kernel - 1; u >= 0; --u) {
    long long down = p + at.padding - u, i = down / at.stride;
    if (down < 0 || i * at.stride != down || i >= at.down) continue;
    for (long long v = at.kernel - 1; v >= 0; --v) {
      long long across = q + at.padding - v, j = across / at.stride;
      if (across < 0 || j * at.stride != across || j >= at.across) continue;
      long long from = ((c * at.down + i) * at.across + j) * at.batch + b;
      if (taps[from] == u * at.kernel + v) total += double(dy[from]);
    }
  }
  dx[e] = T(total);
}

// One thread for each output.
template <typename T>
__device__ void pick_pixel(const T* x, const unsigned char* taps, T* y, long long channels, const Windows& at) {
  long long e = global_thread();
  if (e >= channels * at.outputs()) return;
  long long c = e / at.outputs();
  Output out(at, e % at.outputs());
  long long p = out.row(at, taps[e] / at.kernel), q = out.col(at, taps[e] % at.kernel);
  y[e] = x[((c * at.height + p) * at.width + q) * at.batch + out.b];
}

#define ENTRY(T, dtype)                                                                                          \
  extern "C" __global__ void __launch_bounds__(128)                                                              \
      max_pool_##dtype(const T* x, T* y, unsigned char* taps, long long channels, WINDOWS) {                     \
    pool_window<T>(x, y, taps, channels, THE_WINDOWS);                                                           \
  }                                                                                                              \
  extern "C" __global__ void __launch_bounds__(128)                                                              \
      unpool_##dtype(const T* dy, const unsigned char* taps, T* dx, long long channels, WINDOWS) {               \
    unpool_pixel<T>(dy, taps, dx, channels, THE_WINDOWS);                                                        \
  }                                                                                                              \
  extern "C" __global__ void __launch_bounds__(128)                                                              \
      pick_##dtype(const T* x, const unsigned char* taps, T* y, long long channels, WINDOWS) {                   \
    pick_pixel<T>(x, taps, y, channels, THE_WINDOWS);                                                            \
  }
ENTRY(float, float32)
ENTRY(double, float64)
#undef ENTRY
