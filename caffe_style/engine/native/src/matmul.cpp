#include "matmul.h"

#include <algorithm>

#include "microkernel.h"
#include "scratch.h"
#include "threads.h"

namespace native {
namespace {

constexpr ptrdiff_t DEPTH = 256;               // summed in registers at a time
constexpr ptrdiff_t COLUMNS = 1024 / NR * NR;  // of b packed at a time: a megabyte

// b's rows k0..k0+depth, columns j0..j1 as [panel][depth][NR]. Called by all threads together.
void pack(const Matrix& b, ptrdiff_t k0, ptrdiff_t depth, ptrdiff_t j0, ptrdiff_t j1, float* to) {
  const ptrdiff_t panels = divide_up(j1 - j0, NR);
#pragma omp for schedule(static)
  for (ptrdiff_t unit = 0; unit < panels * divide_up(depth, 16); unit++) {
    const ptrdiff_t p = unit % panels, j = j0 + p * NR, lanes = std::min<ptrdiff_t>(NR, j1 - j);
    const ptrdiff_t first = unit / panels * 16;
    for (ptrdiff_t k = first; k < std::min(first + 16, depth); k++) {
      const float* from = b.data + (k0 + k) * b.row_step + j * b.column_step;
      float* row = to + (p * depth + k) * NR;
      if (b.column_step == 1 && lanes == NR)
        for (int v = 0; v < NV; v++) store(row + v * W, load(from + v * W));
      else
        for (ptrdiff_t i = 0; i < NR; i++) row[i] = i < lanes ? from[i * b.column_step] : 0;
    }
  }
}

// out's element from a sum: alpha and beta applied, the first block of depth overwrites, later ones add.
struct Finish {
  float* out;
  ptrdiff_t step, lanes;
  float alpha, beta;

  void operator()(ptrdiff_t r, const vec* sums, int vectors) const {
    for (int v = 0; v < vectors; v++) {
      const ptrdiff_t left = lanes - v * W;
      if (left <= 0) break;
      float* at = out + r * step + v * W;
      vec y = alpha * sums[v];
      if (beta != 0) y += beta * load_upto(at, left);
      store_upto(at, y, left);
    }
  }
};

template <Order order>
void multiply_rows(const Matrix& a, const float* packed, ptrdiff_t k0, ptrdiff_t depth, ptrdiff_t first,
                   ptrdiff_t rows, ptrdiff_t j0, ptrdiff_t j1, float* out, ptrdiff_t step, float alpha,
                   float beta) {
  const ptrdiff_t lda = order == Order::DepthContiguous ? a.row_step : a.column_step;
  const ptrdiff_t panels = divide_up(j1 - j0, NR);
  for (ptrdiff_t j = j0; j < j1; j += NR) {
    const Finish finish{out + first * step + j, step, j1 - j, alpha, beta};
    const float* from = a.data + first * a.row_step + k0 * a.column_step;
    const float* panel = packed + (j - j0) * depth;
    // This panel's part of the rows behind these: reads and stores would otherwise wait for each line.
    const auto behind = [=](const float* at, ptrdiff_t ld) {
      const ptrdiff_t part = rows * ld / panels;
      return Stretch{at + rows * ld + (j - j0) / NR * part, part};
    };
    const Stretch near = order == Order::DepthContiguous ? behind(from, lda) : Stretch{};
    const Stretch far = behind(out + first * step + j0, step);
    if (j1 - j > W)
      panel_product<NV, order>(
          from, lda, rows, panel, NR, depth, [=](ptrdiff_t r, const vec* sums) { finish(r, sums, NV); }, near,
          far);
    else
      panel_product<1, order>(
          from, lda, rows, panel, NR, depth, [=](ptrdiff_t r, const vec* sums) { finish(r, sums, 1); }, near,
          far);
  }
}

}  // namespace

void matmul(const Matrix& a, const Matrix& b, float* out, ptrdiff_t row_step, ptrdiff_t column_step,
            float alpha, float beta) {
  if (column_step != 1)  // out^T = b^T a^T has its rows contiguous
    matmul_stacked(b.transposed(), {1, 0}, a.transposed(), out, column_step, {1, 0}, alpha, beta);
  else
    matmul_stacked(a, {1, 0}, b, out, row_step, {1, 0}, alpha, beta);
}

void matmul_stacked(const Matrix& a, const Stack& as, const Matrix& b, float* out, ptrdiff_t row_step,
                    const Stack& outs, float alpha, float beta) {
  const ptrdiff_t M = a.rows, N = b.columns, K = a.columns;
  if (as.count == 0 || M == 0 || N == 0) return;
  const ptrdiff_t depth = std::min(K, DEPTH), width = std::min(round_up(N, NR), COLUMNS);
  const ptrdiff_t fair = divide_up(divide_up(M * as.count, 2 * threads()), MR) * MR;
  const ptrdiff_t rows = std::min(fair, ptrdiff_t(8 * MR));
  // Few rows: the columns are shared out as well.
  const ptrdiff_t blocks = divide_up(M, rows), row_blocks = as.count * blocks;
  const int team = as.count * M * N * std::max<ptrdiff_t>(K, 1) > 1 << 16 ? threads() : 1;
  Scratch scratch(Scratch::rounded(depth * width));
  float* packed = scratch.take(depth * width);
#pragma omp parallel num_threads(team)
  for (ptrdiff_t j0 = 0; j0 < N; j0 += width) {
    const ptrdiff_t j1 = std::min(j0 + width, N), panels = divide_up(j1 - j0, NR);
    const ptrdiff_t parts = std::clamp<ptrdiff_t>(divide_up(4 * team, row_blocks), 1, panels);
    ptrdiff_t k0 = 0;
    do {  // runs once for K = 0: beta still applies
      const ptrdiff_t here = std::min(depth, K - k0);
      const float scale = k0 == 0 ? beta : 1;
      pack(b, k0, here, j0, j1, packed);
#pragma omp for schedule(static)
      for (ptrdiff_t unit = 0; unit < row_blocks * parts; unit++) {
        const ptrdiff_t block = unit / parts, part = unit % parts;
        const ptrdiff_t first = block % blocks * rows, member = block / blocks;
        const ptrdiff_t from = j0 + panels * part / parts * NR;
        const ptrdiff_t to = std::min(j0 + panels * (part + 1) / parts * NR, j1);
        const auto multiply =
            a.column_step == 1 ? multiply_rows<Order::DepthContiguous> : multiply_rows<Order::RowsContiguous>;
        const Matrix own{a.data + member * as.step, M, K, a.row_step, a.column_step};
        multiply(own, packed + (from - j0) * here, k0, here, first, std::min(rows, M - first), from, to,
                 out + member * outs.step, row_step, alpha, scale);
      }
      k0 += depth;
    } while (k0 < K);
  }
}

}  // namespace native
