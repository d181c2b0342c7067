// The gradient to an input of few channels (a picture's three): where the gather form would leave most lanes
// of a vector empty, dy (pixels x K) times the filters (K x taps * C) fills them; the columns that come out
// are added into dx (col2im).
//
// Each thread owns a stripe of dx's rows and makes the columns of every row of dy that reaches into it; the
// order of additions is that of dy's rows whatever the number of threads.
#include <algorithm>

#include "convolution.h"
#include "microkernel.h"
#include "scratch.h"
#include "threads.h"

namespace native {
namespace {

constexpr ptrdiff_t BLOCK = 8 * MR;  // pixels of dy at a time

struct Scatter {
  const Input& dy;
  const float* mask;
  const Output& dx;
  const Window& w;
  ptrdiff_t columns, ld;  // floats of a pixel's columns, and from one to the next
  const float* packed;    // [panel][K][NR]

  // The columns of dy's pixels (n, oy, first..first+count).
  void multiply(ptrdiff_t n, ptrdiff_t oy, ptrdiff_t first, ptrdiff_t count, float* rectified_dy,
                float* to) const {
    const float* a = dy.at(n, oy, first);
    ptrdiff_t lda = dy.pixel;
    if (mask) {
      lda = round_up(dy.channels, W) + W;
      for (ptrdiff_t i = 0; i < count; i++)
        for (ptrdiff_t k = 0; k < dy.channels; k += W) {
          const ptrdiff_t at = i * dy.pixel + k, left = dy.channels - k;
          const vec allowed = load_upto(mask + (a - dy.data) + at, left);
          store(rectified_dy + i * lda + k, select(allowed > vec{}, load_upto(a + at, left), vec{}));
        }
      a = rectified_dy;
    }
    for (ptrdiff_t p = 0; p * NR < columns; p++)
      panel_product<NV, Order::DepthContiguous>(a, lda, count, packed + p * dy.channels * NR, NR, dy.channels,
                                                [&](ptrdiff_t r, const vec* sums) {
                                                  for (int v = 0; v < NV; v++)
                                                    store(to + r * ld + p * NR + v * W, sums[v]);
                                                });
  }

  // Adds one pixel's columns into rows y0..y1 of dx.
  void add(ptrdiff_t n, ptrdiff_t oy, ptrdiff_t ox, const float* from, ptrdiff_t y0, ptrdiff_t y1) const {
    const ptrdiff_t C = dx.channels, left = ox * w.stride_w - w.pad_w;
    const bool together = w.dilation_w == 1 && dx.pixel == C && left >= 0 && left + w.kernel_w <= dx.width;
    for (ptrdiff_t ky = 0; ky < w.kernel_h; ky++) {
      const ptrdiff_t y = oy * w.stride_h - w.pad_h + ky * w.dilation_h;
      if (y < y0 || y >= y1) continue;
      const float* row = from + ky * w.kernel_w * C;
      if (together) {
        float* to = dx.at(n, y, left);
        for (ptrdiff_t i = 0; i < w.kernel_w * C; i += W) {
          const ptrdiff_t lanes = w.kernel_w * C - i;
          store_upto(to + i, load_upto(to + i, lanes) + load(row + i), lanes);
        }
        continue;
      }
      for (ptrdiff_t kx = 0; kx < w.kernel_w; kx++) {
        const ptrdiff_t x = left + kx * w.dilation_w;
        if (x < 0 || x >= dx.width) continue;
        float* to = dx.at(n, y, x);
        for (ptrdiff_t c = 0; c < C; c++) to[c] += row[kx * C + c];
      }
    }
  }

  void stripe(ptrdiff_t n, ptrdiff_t y0, ptrdiff_t y1, float* rectified_dy, float* made) const {
    for (ptrdiff_t y = y0; y < y1; y++)
      for (ptrdiff_t x = 0; x < dx.width; x++) std::fill_n(dx.at(n, y, x), dx.channels, 0.f);
    for (ptrdiff_t oy = 0; oy < dy.height; oy++) {
      const ptrdiff_t top = oy * w.stride_h - w.pad_h;
      if (top >= y1 || top + (w.kernel_h - 1) * w.dilation_h < y0) continue;
      for (ptrdiff_t first = 0; first < dy.width; first += BLOCK) {
        const ptrdiff_t count = std::min(BLOCK, dy.width - first);
        multiply(n, oy, first, count, rectified_dy, made);
        for (ptrdiff_t i = 0; i < count; i++) add(n, oy, first + i, made + i * ld, y0, y1);
      }
    }
  }
};

}  // namespace

void scattered_input_gradient(const Input& dy, const float* mask, const float* weights, const Output& dx,
                              const Window& w) {
  const ptrdiff_t taps = w.kernel_h * w.kernel_w, C = dx.channels, K = dy.channels;
  const ptrdiff_t columns = taps * C, panels = divide_up(columns, NR), ld = panels * NR + W;
  const std::size_t dy_size = Scratch::rounded(mask ? BLOCK * (round_up(K, W) + W) : 0);
  const std::size_t made_size = Scratch::rounded(BLOCK * ld);
  Scratch scratch(Scratch::rounded(panels * K * NR) + threads() * (dy_size + made_size));
  float* packed = scratch.take(panels * K * NR);
  float* own = scratch.take(threads() * (dy_size + made_size));
  for (ptrdiff_t k = 0; k < K; k++)
    for (ptrdiff_t j = 0; j < panels * NR; j++)
      packed[(j / NR * K + k) * NR + j % NR] = j < columns ? weights[(k * C + j % C) * taps + j / C] : 0;
  const Scatter scatter{dy, mask, dx, w, columns, ld, packed};
  const ptrdiff_t stripes = std::min<ptrdiff_t>(threads(), dx.height);
#pragma omp parallel for num_threads(threads()) schedule(static)
  for (ptrdiff_t unit = 0; unit < dx.count * stripes; unit++) {
    const ptrdiff_t n = unit / stripes, i = unit % stripes;
    float* mine = own + thread_index() * (dy_size + made_size);
    scatter.stripe(n, dx.height * i / stripes, dx.height * (i + 1) / stripes, mine, mine + dy_size);
  }
}

}  // namespace native
