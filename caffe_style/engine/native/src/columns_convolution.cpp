// Convolution of any window, and its gradient to the input, as matrix products of columns.
//
// The gradient gathers: the pixels of dx that share a position modulo the stride meet the same taps of the
// kernel, so each such phase is a convolution of stride 1 over dy. Nothing is added up twice, so the result
// does not depend on the threads.
#include <algorithm>

#include "columns.h"
#include "microkernel.h"
#include "responses.h"
#include "scratch.h"
#include "threads.h"

namespace native {
namespace {

constexpr ptrdiff_t FILTER_FLOATS = 3 << 20;  // of packed filters at a time
constexpr ptrdiff_t BLOCK_FLOATS = 48 << 10;  // of columns at a time, in a core's own cache

// Where the responses go: every step-th pixel of a picture.
struct Grid {
  Output out;
  ptrdiff_t first_y, first_x, step_y, step_x;

  // Pixels first..first+count of a grid height x width.
  void pixels(ptrdiff_t first, ptrdiff_t count, ptrdiff_t height, ptrdiff_t width, float** to) const {
    ptrdiff_t n = first / (height * width), y = first / width % height, x = first % width;
    for (ptrdiff_t i = 0; i < count; i++) {
      to[i] = out.at(n, first_y + y * step_y, first_x + x * step_x);
      if (++x == width) {
        x = 0;
        if (++y == height) y = 0, n++;
      }
    }
  }
};

// Filters with the order in which the columns list the taps.
struct OrderedFilters {
  Filters filters;
  std::vector<ptrdiff_t> taps;  // offsets from the first
};

// Panels first..end as [panel][depth][NR], depth = tap * C + input channel; lanes past the last filter are
// zero. Called by all threads together.
void pack_filters(const OrderedFilters& ordered, ptrdiff_t C, ptrdiff_t K, ptrdiff_t first, ptrdiff_t end,
                  float* to) {
  const ptrdiff_t taps = ordered.taps.size(), depth = taps * C;
  constexpr ptrdiff_t CHANNELS = 16;
  const ptrdiff_t blocks = divide_up(C, CHANNELS);
#pragma omp for schedule(static)
  for (ptrdiff_t unit = 0; unit < (end - first) * blocks; unit++) {
    const ptrdiff_t panel = first + unit / blocks, c0 = unit % blocks * CHANNELS;
    const ptrdiff_t lanes = std::min<ptrdiff_t>(NR, K - panel * NR);
    float* base = to + (panel - first) * depth * NR;
    for (ptrdiff_t c = c0; c < std::min(c0 + CHANNELS, C); c++)
      for (ptrdiff_t t = 0; t < taps; t++) {
        float* row = base + (t * C + c) * NR;
        const float* from = ordered.filters.at(panel * NR, c) + ordered.taps[t];
        for (ptrdiff_t lane = 0; lane < lanes; lane++) row[lane] = from[lane * ordered.filters.output_step];
        for (ptrdiff_t lane = lanes; lane < NR; lane++) row[lane] = 0;
      }
  }
}

void multiply(const Columns& columns, const OrderedFilters& filters, const float* bias, bool relu,
              const Grid& grid) {
  const ptrdiff_t depth = columns.depth(), rows = columns.rows(), K = grid.out.channels;
  if (rows == 0) return;
  const bool pointwise = columns.is_pointwise(), direct = pointwise && !columns.mask;
  const ptrdiff_t ld =
      round_up(depth, W) + W;  // not a power of two, and room for what gather writes too much
  const ptrdiff_t fair = divide_up(divide_up(rows, 4 * threads()), MR) * MR;
  const ptrdiff_t block = std::min(fair, std::clamp<ptrdiff_t>(BLOCK_FLOATS / ld / MR * MR, MR, 8 * MR));
  const ptrdiff_t panels = divide_up(K, NR);
  const ptrdiff_t group =
      std::clamp<ptrdiff_t>(FILTER_FLOATS / std::max<ptrdiff_t>(depth * NR, 1), 1, panels);
  const Responses responses(bias, relu, grid.out);
  const std::size_t own_size = Scratch::rounded(direct ? 0 : block * ld + W);
  Scratch scratch(Scratch::rounded(group * depth * NR) + threads() * own_size);
  float* packed = scratch.take(group * depth * NR);
  float* own = scratch.take(threads() * own_size);
#pragma omp parallel num_threads(threads())
  for (ptrdiff_t first_panel = 0; first_panel < panels; first_panel += group) {
    const ptrdiff_t end_panel = std::min(first_panel + group, panels);
    pack_filters(filters, columns.x.channels, K, first_panel, end_panel, packed);
#pragma omp for schedule(dynamic)
    for (ptrdiff_t first = 0; first < rows; first += block) {
      const ptrdiff_t count = std::min(block, rows - first);
      float* made = own + thread_index() * own_size;
      if (!direct) columns.gather(first, count, made, ld);
      const float* a = direct ? columns.x.data + first * columns.x.pixel : made;
      const ptrdiff_t lda = direct ? columns.x.pixel : ld;
      float* pixels[8 * MR];
      grid.pixels(first, count, columns.height, columns.width, pixels);
      // What the next block reads, if that is one stretch to be masked; otherwise what it writes.
      const bool reads = pointwise && columns.mask.responses;
      const ptrdiff_t parts = end_panel - first_panel;
      const auto next = [=](const float* block, ptrdiff_t pixel, ptrdiff_t p) {
        const ptrdiff_t floats = count * pixel / parts;
        return Stretch{block + count * pixel + (p - first_panel) * floats, floats};
      };
      const ptrdiff_t at = first * columns.x.pixel;
      for (ptrdiff_t p = first_panel; p < end_panel; p++) {
        const Stretch near = reads ? next(columns.x.data + at, columns.x.pixel, p) : Stretch{};
        const Stretch far =
            reads ? next(columns.mask.responses + at, columns.x.pixel, p) : next(pixels[0], grid.out.pixel, p);
        const ptrdiff_t k = p * NR, lanes = K - k;
        const float* b = packed + (p - first_panel) * depth * NR;
        if (lanes > W)
          panel_product<NV, Order::DepthContiguous>(
              a, lda, count, b, NR, depth,
              [=, to = pixels + 0](ptrdiff_t r, const vec* sums) { responses.write<NV>(sums, to[r], k); },
              near, far);
        else
          panel_product<1, Order::DepthContiguous>(
              a, lda, count, b, NR, depth,
              [=, to = pixels + 0](ptrdiff_t r, const vec* sums) { responses.write<1>(sums, to[r], k); },
              near, far);
      }
      if (responses.streams) stream_fence();
    }
  }
}

// The taps of one axis that meet dx positions first, first + stride, ...: a convolution of stride 1.
struct Phase {
  ptrdiff_t first, count;                             // positions of dx
  std::vector<std::pair<ptrdiff_t, ptrdiff_t>> taps;  // (offset into dy, index in the kernel), ascending

  Phase(ptrdiff_t first, ptrdiff_t size, ptrdiff_t kernel, ptrdiff_t stride, ptrdiff_t pad,
        ptrdiff_t dilation)
      : first(first), count(size > first ? divide_up(size - first, stride) : 0) {
    for (ptrdiff_t k = kernel - 1; k >= 0; k--) {
      const ptrdiff_t distance = first + pad - k * dilation;
      if (distance % stride == 0) taps.push_back({distance / stride, k});
    }
  }
};

}  // namespace

void columns_convolution(const Input& x, const float* weights, const float* bias, bool relu,
                         const Output& out, const Window& w) {
  const ptrdiff_t taps = w.kernel_h * w.kernel_w;
  OrderedFilters filters{{weights, x.channels * taps, taps}, {}};
  for (ptrdiff_t t = 0; t < taps; t++) filters.taps.push_back(t);
  multiply(window_columns(x, out, w), filters, bias, relu, Grid{out, 0, 0, 1, 1});
}

void columns_input_gradient(const Input& dy, const Mask& mask, const float* weights, const Output& dx,
                            const Window& w) {
  const ptrdiff_t taps = w.kernel_h * w.kernel_w;
  for (ptrdiff_t y = 0; y < std::min(w.stride_h, dx.height); y++)
    for (ptrdiff_t x = 0; x < std::min(w.stride_w, dx.width); x++) {
      const Phase down(y, dx.height, w.kernel_h, w.stride_h, w.pad_h, w.dilation_h);
      const Phase across(x, dx.width, w.kernel_w, w.stride_w, w.pad_w, w.dilation_w);
      Columns columns(dy, mask, 1, 1, down.count, across.count);
      OrderedFilters filters{{weights, taps, dx.channels * taps}, {}};
      for (const auto& [offset_y, ky] : down.taps)
        for (const auto& [offset_x, kx] : across.taps) {
          columns.add(offset_y, offset_x);
          filters.taps.push_back(ky * w.kernel_w + kx);
        }
      multiply(columns, filters, nullptr, false, Grid{dx, y, x, w.stride_h, w.stride_w});
    }
}

}  // namespace native
