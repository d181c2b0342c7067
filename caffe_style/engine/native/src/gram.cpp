// The Gram matrix x^T x of features x (M x N), or its sum over a stack of them: a short, wide result of a
// very long sum.
//
// Each thread sums a stretch of all rows: DEPTH at a time in registers, CHUNK at a time in floats, the
// chunks in doubles, so that millions of rows lose no digits. Only panels that touch the upper triangle
// are computed.
#include <algorithm>

#include "matmul.h"
#include "microkernel.h"
#include "scratch.h"
#include "threads.h"

namespace native {
namespace {

constexpr ptrdiff_t DEPTH = 128;
constexpr ptrdiff_t CHUNK = 64 * DEPTH;
constexpr ptrdiff_t SCRATCH = 10 << 20;  // floats for all threads together

// `depth` rows of NR columns, N floats apart, side by side; columns past the first `lanes` are zero.
void copy_panel(const float* from, ptrdiff_t depth, ptrdiff_t N, ptrdiff_t lanes, float* to) {
  for (ptrdiff_t k = 0; k < depth; k++)
    for (int v = 0; v < NV; v++) {
      const ptrdiff_t left = lanes - v * W;
      store(to + k * NR + v * W, left > 0 ? load_upto(from + k * N + v * W, left) : vec{});
    }
}

// Features of at most so many channels are read where they lie: the rows of a block still fall into different
// lines of the cache.
constexpr ptrdiff_t NARROW = 128;

// sums (N x ld) += x^T x over `rows` rows, right of the diagonal's blocks. `panel` holds DEPTH * NR floats.
void add_products(const float* x, ptrdiff_t rows, ptrdiff_t N, float* sums, ptrdiff_t ld, float* panel) {
  const bool direct = N <= NARROW && N % NR == 0;
  for (ptrdiff_t m = 0; m < rows; m += DEPTH) {
    const ptrdiff_t depth = std::min(DEPTH, rows - m);
    const float* block = x + m * N;
    for (ptrdiff_t j = 0; j < N; j += NR) {
      if (!direct) copy_panel(block + j, depth, N, N - j, panel);
      // The next block's part of these columns.
      const Stretch next{block + depth * N + depth * j, depth * std::min<ptrdiff_t>(NR, N - j)};
      panel_product<NV, Order::RowsContiguous>(
          block, N, std::min(j + NR, N), direct ? block + j : panel, direct ? N : NR, depth,
          [=](ptrdiff_t i, const vec* products) {
            for (int v = 0; v < NV; v++) {
              float* at = sums + i * ld + j + v * W;
              store(at, load(at) + products[v]);
            }
          },
          next);
    }
  }
}

}  // namespace

void gram(const float* x, ptrdiff_t M, ptrdiff_t N, const Stack& xs, float* out) {
  const ptrdiff_t all = xs.count * M;
  const ptrdiff_t ld = round_up(N, NR);
  const std::size_t sums_size = Scratch::rounded(N * ld), totals_size = Scratch::rounded(2 * N * N);
  const std::size_t own_size = sums_size + totals_size + Scratch::rounded(DEPTH * NR);
  const ptrdiff_t worth = std::min<ptrdiff_t>(all / DEPTH, SCRATCH / own_size);
  const int team = int(std::clamp<ptrdiff_t>(worth, 1, threads()));
  Scratch scratch(team * own_size);
  float* own = scratch.take(team * own_size);
  const auto totals_of = [=](int i) { return reinterpret_cast<double*>(own + i * own_size + sums_size); };
#pragma omp parallel num_threads(team)
  {
#pragma omp for schedule(static, 1)
    for (int part = 0; part < team; part++) {
      float* sums = own + part * own_size;
      double* totals = totals_of(part);
      std::fill_n(totals, N * N, 0.0);
      const ptrdiff_t begin = all * part / team, end = all * (part + 1) / team;
      for (ptrdiff_t m = begin; m < end;) {
        std::fill_n(sums, N * ld, 0.f);
        const ptrdiff_t stop = std::min(m + CHUNK, end);
        while (m < stop) {
          const ptrdiff_t rows = std::min(M - m % M, stop - m);
          const float* from = x + m / M * xs.step + m % M * N;
          add_products(from, rows, N, sums, ld, sums + sums_size + totals_size);
          m += rows;
        }
        for (ptrdiff_t i = 0; i < N; i++)
          for (ptrdiff_t j = i; j < N; j++) totals[i * N + j] += sums[i * ld + j];
      }
    }
#pragma omp for schedule(static)
    for (ptrdiff_t i = 0; i < N; i++)
      for (ptrdiff_t j = i; j < N; j++) {
        double total = 0;
        for (int t = 0; t < team; t++) total += totals_of(t)[i * N + j];
        out[i * N + j] = out[j * N + i] = float(total);
      }
  }
}

}  // namespace native
