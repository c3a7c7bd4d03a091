// Changing a pattern: merge of survivors and grown pairs, carrying of values, transpose index.
#include "search.cuh"
#include "threads.cuh"

extern "C" __global__ void __launch_bounds__(128)
    mark_pruned(const long long* pruned, long long* kept, long long size) {
  long long k = global_thread();
  if (k < size) kept[pruned[k]] = 0;
}

// A survivor's new slot: the survivors before it, and the grown pairs before it. `rank` (nnz + 1,) counts survivors.
extern "C" __global__ void __launch_bounds__(128)
    place_survivors(const long long* indptr, const int* indices, const long long* rank, const int* grown_rows,
                    const int* grown_cols, int* new_indices, int* target, long long n_out, long long nnz,
                    long long grown) {
  long long k = global_thread();
  if (k >= nnz) return;
  if (rank[k + 1] == rank[k]) {
    target[k] = -1;
    return;
  }
  long long place = rank[k] + pairs_before(grown_rows, grown_cols, grown, row_of(indptr, n_out, k), indices[k]);
  target[k] = int(place);
  new_indices[place] = indices[k];
}

extern "C" __global__ void __launch_bounds__(128)
    place_grown(const long long* indptr, const int* indices, const long long* rank, const int* grown_rows,
                const int* grown_cols, int* new_indices, long long grown) {
  long long g = global_thread();
  if (g >= grown) return;
  long long row = grown_rows[g];
  new_indices[g + rank[lower_bound(indices, indptr[row], indptr[row + 1], grown_cols[g])]] = grown_cols[g];
}

// One thread for each of the n_out + 1 starts.
extern "C" __global__ void __launch_bounds__(128)
    merged_starts(const long long* indptr, const long long* rank, const int* grown_rows, long long* new_indptr,
                  long long n_out, long long grown) {
  long long i = global_thread();
  if (i <= n_out) new_indptr[i] = rank[indptr[i]] + lower_bound(grown_rows, 0, grown, i);
}

// `moved` comes filled with zeros.
template <typename T>
__device__ void carry_value(const T* values, const int* target, T* moved, long long size) {
  long long k = global_thread();
  if (k < size && target[k] >= 0) moved[target[k]] = values[k];
}

// Keys that sort by column, and within one by slot, which is by row: no two are equal.
extern "C" __global__ void __launch_bounds__(128)
    column_keys(const int* indices, long long* keys, long long nnz) {
  long long k = global_thread();
  if (k < nnz) keys[k] = indices[k] * nnz + k;
}

// One thread for each place of the transposed order, `keys` sorted.
extern "C" __global__ void __launch_bounds__(128)
    transposed_entries(const long long* keys, const long long* indptr, int* rows, int* slots, int* places,
                       long long n_out, long long nnz) {
  long long place = global_thread();
  if (place >= nnz) return;
  long long slot = keys[place] % nnz;
  rows[place] = int(row_of(indptr, n_out, slot));
  slots[place] = int(slot);
  places[slot] = int(place);
}

// One thread for each of the n_in + 1 starts.
extern "C" __global__ void __launch_bounds__(128)
    transposed_starts(const long long* keys, long long* starts, long long n_in, long long nnz) {
  long long j = global_thread();
  if (j <= n_in) starts[j] = lower_bound(keys, 0, nnz, j * nnz);
}

#define ENTRY(T, dtype)                                                                                          \
  extern "C" __global__ void __launch_bounds__(128)                                                              \
      carry_##dtype(const T* values, const int* target, T* moved, long long size) {                              \
    carry_value<T>(values, target, moved, size);                                                                 \
  }
ENTRY(float, float32)
ENTRY(double, float64)
#undef ENTRY
