// The gradient to a convolution's parameters:
// dW (K x taps * C) += dY^T (K x pixels) columns (pixels x taps * C).
//
// Each thread takes some panels of the result through all pixels, so that no sums need to be merged.
#include <algorithm>

#include "columns.h"
#include "microkernel.h"
#include "scratch.h"
#include "threads.h"

namespace native {
namespace {

constexpr ptrdiff_t PIXELS = 256;       // whose products are added up in registers, at most
constexpr ptrdiff_t COLUMNS = 1 << 20;  // floats of columns at a time
constexpr ptrdiff_t SUMS = 3 << 20;     // floats of the result at a time

void one_group(const Input& x, const Input& dy, float* dweights, const Window& w) {
  const ptrdiff_t C = x.channels, K = dy.channels, taps = w.kernel_h * w.kernel_w, depth = taps * C;
  const Output shape{nullptr, dy.count, dy.height, dy.width, K, dy.pixel};
  const Columns columns = window_columns(x, shape, w);
  const ptrdiff_t rows = columns.rows(), ld = round_up(depth, NR) + W;
  const ptrdiff_t panels = divide_up(depth, NR), group = std::clamp<ptrdiff_t>(SUMS / (K * NR), 1, panels);
  const ptrdiff_t block = std::clamp<ptrdiff_t>(COLUMNS / ld, 16, PIXELS);
  Scratch scratch(Scratch::rounded(block * ld) + Scratch::rounded(group * K * NR));
  float* made = scratch.take(block * ld);
  float* sums = scratch.take(group * K * NR);
  std::fill_n(made, block * ld, 0.f);
#pragma omp parallel num_threads(threads())
  for (ptrdiff_t first_panel = 0; first_panel < panels; first_panel += group) {
    const ptrdiff_t end_panel = std::min(first_panel + group, panels);
    // The columns of a block of pixels are made by all threads, then multiplied panel by panel.
    for (ptrdiff_t first = 0; first < rows; first += block) {
      const ptrdiff_t count = std::min(block, rows - first);
#pragma omp for schedule(static)
      for (ptrdiff_t r = 0; r < count; r++) columns.gather(first + r, 1, made + r * ld, ld);
#pragma omp for schedule(static)
      for (ptrdiff_t p = first_panel; p < end_panel; p++) {
        float* to = sums + (p - first_panel) * K * NR;
        panel_product<NV, Order::RowsContiguous>(dy.data + first * dy.pixel, dy.pixel, K, made + p * NR, ld,
                                                 count, [=](ptrdiff_t k, const vec* products) {
                                                   for (int v = 0; v < NV; v++) {
                                                     float* at = to + k * NR + v * W;
                                                     const vec before = first ? load(at) : vec{};
                                                     store(at, before + products[v]);
                                                   }
                                                 });
      }
    }
#pragma omp for schedule(static)
    for (ptrdiff_t k = 0; k < K; k++)
      for (ptrdiff_t j = first_panel * NR; rows && j < std::min(end_panel * NR, depth); j++)
        dweights[(k * C + j % C) * taps + j / C] += sums[((j / NR - first_panel) * K + k) * NR + j % NR];
  }
}

void bias_gradient(const Input& dy, float* dbias) {
  const ptrdiff_t pixels = dy.count * dy.height * dy.width;
#pragma omp parallel for num_threads(threads()) schedule(static)
  for (ptrdiff_t k = 0; k < dy.channels; k += W) {
    const ptrdiff_t lanes = dy.channels - k;
    vec total = load_upto(dbias + k, lanes);
    for (ptrdiff_t first = 0; first < pixels; first += PIXELS) {
      vec sum = {};
      for (ptrdiff_t p = first; p < std::min(first + PIXELS, pixels); p++)
        sum += load_upto(dy.data + p * dy.pixel + k, lanes);
      total += sum;
    }
    store_upto(dbias + k, total, lanes);
  }
}

}  // namespace

void convolve_filter_gradient(const Input& x, const Input& dy, float* dweights, float* dbias, const Window& w,
                              ptrdiff_t groups) {
  const ptrdiff_t filter = x.channels / groups * w.kernel_h * w.kernel_w, K = dy.channels / groups;
  for (ptrdiff_t g = 0; g < groups; g++)
    one_group(x.group(g, groups), dy.group(g, groups), dweights + g * K * filter, w);
  if (dbias) bias_gradient(dy, dbias);
}

}  // namespace native
