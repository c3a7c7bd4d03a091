// Binary searches in what is sorted.

// The first position in [first, last) whose element is not below `value`, `last` if there is none.
template <typename T, typename V>
__device__ long long lower_bound(const T* sorted, long long first, long long last, V value) {
  while (first < last) {
    long long middle = first + (last - first) / 2;
    if (sorted[middle] < value)
      first = middle + 1;
    else
      last = middle;
  }
  return first;
}

// The row of slot k of a pattern of n_out rows: the last one that starts at k or before.
__device__ inline long long row_of(const long long* indptr, long long n_out, long long k) {
  return lower_bound(indptr, 1, n_out + 1, k + 1) - 1;
}

// How many of `size` pairs, sorted by row and then by column, lie before (row, col).
__device__ inline long long pairs_before(const int* rows, const int* cols, long long size, long long row,
                                         long long col) {
  return lower_bound(cols, lower_bound(rows, 0, size, row), lower_bound(rows, 0, size, row + 1), col);
}
