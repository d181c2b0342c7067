// The register block every matrix product here is made of: up to MR rows of A times a panel of B.
#pragma once

#include <type_traits>

#include "simd.h"

namespace native {

// How A's elements lie: rows of contiguous depth (a[r * lda + k]), or rows side by side (a[k * lda + r]).
enum class Order { DepthContiguous, RowsContiguous };

// Memory that will be needed next. It is fetched while a product is computed: the hardware, which waits for a
// pattern, comes too late for stretches so short.
struct Stretch {
  const float* at;
  ptrdiff_t floats;
};

// `at`, at + step, ...: one address for each row of a panel.
struct Fetch {
  const float* at;
  ptrdiff_t step;

  // The part of a stretch that falls to `rows` rows from `first`, of `all`.
  static Fetch part(Stretch s, ptrdiff_t first, ptrdiff_t rows, ptrdiff_t all, ptrdiff_t depth) {
    return {s.at + s.floats * first / all, depth ? s.floats * rows / (all * depth) : 0};
  }
};

// acc[r] = sum over k < depth of A(r, k) * (the panel's row k), handed to finish(r, acc[r]).
template <int R, int V, Order order, class Finish>
inline void register_block(const float* a, ptrdiff_t lda, const float* b, ptrdiff_t ldb, ptrdiff_t depth,
                           ptrdiff_t first_row, Fetch near, Fetch far, const Finish& finish) {
  vec acc[R][V];
#pragma GCC unroll 16
  for (int r = 0; r < R; r++)
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) acc[r][v] = vec{};
  for (ptrdiff_t k = 0; k < depth; k++) {
    __builtin_prefetch(near.at + k * near.step);
    __builtin_prefetch(far.at + k * far.step, 0, 2);
    vec bk[V];
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) bk[v] = load(b + k * ldb + v * W);
#pragma GCC unroll 16
    for (int r = 0; r < R; r++) {
      vec s = splat(order == Order::DepthContiguous ? a[r * lda + k] : a[k * lda + r]);
#pragma GCC unroll 2
      for (int v = 0; v < V; v++) acc[r][v] += s * bk[v];
    }
  }
  const Finish last = finish;  // a copy: what it stores cannot change it
#pragma GCC unroll 16
  for (int r = 0; r < R; r++) last(first_row + r, acc[r]);
}

// `rows` rows of A times one panel of B with V vectors a row, `ldb` floats apart. `near` is needed at once
// after it; without it the next rows of A are fetched, where they are contiguous. `far` is needed later.
template <int V, Order order, class Finish>
inline void panel_product(const float* a, ptrdiff_t lda, ptrdiff_t rows, const float* b, ptrdiff_t ldb,
                          ptrdiff_t depth, const Finish& finish, Stretch near = {}, Stretch far = {}) {
  ptrdiff_t r = 0;
  const auto blocks_of = [&](auto size) {
    constexpr int R = size;
    for (; r + R <= rows; r += R) {
      const float* from = a + r * (order == Order::DepthContiguous ? lda : 1);
      const Fetch nearer = near.at                           ? Fetch::part(near, r, R, rows, depth)
                           : order == Order::DepthContiguous ? Fetch{from + R * lda, R}
                                                             : Fetch{b, 0};
      const Fetch farther = far.at ? Fetch::part(far, r, R, rows, depth) : Fetch{b, 0};
      register_block<R, V, order>(from, lda, b, ldb, depth, r, nearer, farther, finish);
    }
  };
  blocks_of(std::integral_constant<int, MR>());
  if (MR > 8) blocks_of(std::integral_constant<int, 8>());
  blocks_of(std::integral_constant<int, 4>());
  blocks_of(std::integral_constant<int, 2>());
  blocks_of(std::integral_constant<int, 1>());
}

}  // namespace native
