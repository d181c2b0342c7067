// The register block every matrix product here is made of: up to MR rows of A times a panel of B.
#pragma once

#include "simd.h"

namespace native {

// How A's elements lie: rows of contiguous depth (a[r * lda + k]), or rows side by side (a[k * lda + r]).
enum class Order { DepthContiguous, RowsContiguous };

// acc[r] = sum over k < depth of A(r, k) * (the panel's row k), handed to finish(r, acc[r]).
template <int R, int V, Order order, class Finish>
inline void register_block(const float* a, ptrdiff_t lda, const float* b, ptrdiff_t ldb, ptrdiff_t depth,
                           ptrdiff_t first_row, const Finish& finish) {
  vec acc[R][V];
  for (int r = 0; r < R; r++)
    for (int v = 0; v < V; v++) acc[r][v] = vec{};
  for (ptrdiff_t k = 0; k < depth; k++) {
    // The rows of the next block: too short for the hardware to notice in time.
    if (order == Order::DepthContiguous) __builtin_prefetch(a + R * lda + k * R);
    vec bk[V];
    for (int v = 0; v < V; v++) bk[v] = load(b + k * ldb + v * W);
    for (int r = 0; r < R; r++) {
      vec s = splat(order == Order::DepthContiguous ? a[r * lda + k] : a[k * lda + r]);
      for (int v = 0; v < V; v++) acc[r][v] += s * bk[v];
    }
  }
  for (int r = 0; r < R; r++) finish(first_row + r, acc[r]);
}

// `rows` rows of A times one panel of B with V vectors a row, `ldb` floats apart.
template <int V, Order order, class Finish>
inline void panel_product(const float* a, ptrdiff_t lda, ptrdiff_t rows, const float* b, ptrdiff_t ldb,
                          ptrdiff_t depth, const Finish& finish) {
  const ptrdiff_t step = order == Order::DepthContiguous ? lda : 1;
  ptrdiff_t r = 0;
  for (; r + MR <= rows; r += MR) register_block<MR, V, order>(a + r * step, lda, b, ldb, depth, r, finish);
  if (MR > 8 && r + 8 <= rows) {
    register_block<8, V, order>(a + r * step, lda, b, ldb, depth, r, finish);
    r += 8;
  }
  if (r + 4 <= rows) {
    register_block<4, V, order>(a + r * step, lda, b, ldb, depth, r, finish);
    r += 4;
  }
  if (r + 2 <= rows) {
    register_block<2, V, order>(a + r * step, lda, b, ldb, depth, r, finish);
    r += 2;
  }
  if (r < rows) register_block<1, V, order>(a + r * step, lda, b, ldb, depth, r, finish);
}

}  // namespace native
