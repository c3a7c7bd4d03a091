// Where windows lie on an image, batch last: x (channels, height, width, batch), y (channels, down, across, batch).

struct Windows {
  long long height, width, down, across, batch, kernel, stride, padding;

  __device__ long long pixels() const { return height * width * batch; }
  __device__ long long outputs() const { return down * across * batch; }
  __device__ long long taps() const { return kernel * kernel; }
  __device__ bool inside(long long p, long long q) const { return p >= 0 && p < height && q >= 0 && q < width; }
};

// As parameters of a kernel, and from them.
#define WINDOWS                                                                                                  \
  long long height, long long width, long long down, long long across, long long batch, long long kernel,        \
      long long stride, long long padding
#define THE_WINDOWS \
  Windows { height, width, down, across, batch, kernel, stride, padding }

// One element of y: its position and sample, and the pixel at tap (u, v) of its window.
struct Output {
  long long i, j, b;

  __device__ Output(const Windows& at, long long e)
      : i(e / at.batch / at.across), j(e / at.batch % at.across), b(e % at.batch) {}
  __device__ long long row(const Windows& at, long long u) const { return i * at.stride + u - at.padding; }
  __device__ long long col(const Windows& at, long long v) const { return j * at.stride + v - at.padding; }
};
