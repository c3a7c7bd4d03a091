// From drawn pairs to candidates (ALGORITHM section 5.3): edge ids, to be sorted; what is new; what is inactive.
#include "search.cuh"
#include "threads.cuh"

__device__ bool is_active(const long long* indptr, const int* indices, long long row, long long col) {
  long long k = lower_bound(indices, indptr[row], indptr[row + 1], col);
  return k < indptr[row + 1] && indices[k] == col;
}

extern "C" __global__ void __launch_bounds__(128)
    edge_ids(const int* rows, const int* cols, long long* ids, long long n_in, long long size) {
  long long k = global_thread();
  if (k < size) ids[k] = rows[k] * n_in + cols[k];
}

// is_new[k] = 1 for the first of equal ids, of `ids` sorted, whose pair is not active; else 0.
extern "C" __global__ void __launch_bounds__(128)
    mark_new(const long long* ids, const long long* indptr, const int* indices, long long* is_new, long long n_in,
             long long size) {
  long long k = global_thread();
  if (k >= size) return;
  bool first = k == 0 || ids[k] != ids[k - 1];
  is_new[k] = first && !is_active(indptr, indices, ids[k] / n_in, ids[k] % n_in);
}

// The pairs of the marked ids; `rank` (size + 1,) counts the marked ones before each.
extern "C" __global__ void __launch_bounds__(128)
    write_marked(const long long* ids, const long long* rank, int* rows, int* cols, long long n_in, long long size) {
  long long k = global_thread();
  if (k >= size || rank[k + 1] == rank[k]) return;
  rows[rank[k]] = int(ids[k] / n_in);
  cols[rank[k]] = int(ids[k] % n_in);
}

// One thread for each pair of the layer: its place follows from how many active ones lie before it.
extern "C" __global__ void __launch_bounds__(128)
    inactive(const long long* indptr, const int* indices, int* rows, int* cols, long long n_in, long long size) {
  long long id = global_thread();
  if (id >= size) return;
  long long row = id / n_in, col = id % n_in;
  long long before = lower_bound(indices, indptr[row], indptr[row + 1], col);
  if (before < indptr[row + 1] && indices[before] == col) return;
  rows[id - before] = int(row);
  cols[id - before] = int(col);
}
