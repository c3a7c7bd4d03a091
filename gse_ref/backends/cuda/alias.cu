// Walker's alias tables (Vose 1991) and draws from them (ALGORITHM section 5.2), bit for bit as the specification.
#include "threads.cuh"

// One thread alone: every step of the filling depends on the one before, and the sum is specified in index order.
// `stack` (n,) holds both stacks: the small slots from its front, the large ones from its back.
extern "C" __global__ void alias_table(const double* mass, double* scaled, double* threshold, int* alias, int* stack,
                                       long long n) {
  double total = 0;
  for (long long i = 0; i < n; ++i) total += mass[i];
  long long small = 0, large = n;
  for (long long i = 0; i < n; ++i) {
    scaled[i] = __dmul_rn(mass[i] / total, double(n));
    threshold[i] = 1;
    alias[i] = int(i);
    if (scaled[i] < 1)
      stack[small++] = int(i);
    else
      stack[--large] = int(i);
  }
  while (small > 0 && large < n) {
    int a = stack[--small], b = stack[large];
    threshold[a] = scaled[a];
    alias[a] = b;
    scaled[b] -= 1 - scaled[a];
    if (scaled[b] < 1) {
      ++large;
      stack[small++] = b;
    }
  }
}

// One thread for each draw. The product is rounded before the slot is taken from it, as on the host: contracted with
// the subtraction it would be another coin.
extern "C" __global__ void __launch_bounds__(128)
    alias_draw(const double* threshold, const int* alias, const double* uniforms, int* slots, long long n,
               long long size) {
  long long k = global_thread();
  if (k >= size) return;
  double place = __dmul_rn(uniforms[k], double(n));
  int slot = int(place);
  double coin = place - slot;
  slots[k] = coin < threshold[slot] ? slot : alias[slot];
}
