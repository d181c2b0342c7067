#include "pooling.h"

#include <algorithm>
#include <cfloat>

#include "threads.h"

namespace native {
namespace {

// The rows (or columns) of the picture that window number `index` covers; empty where begin >= end.
struct Span {
  ptrdiff_t begin, end;
  ptrdiff_t padded;  // how many, the padding counted, the overhang beyond it not

  Span(ptrdiff_t index, ptrdiff_t size, ptrdiff_t kernel, ptrdiff_t stride, ptrdiff_t pad) {
    begin = index * stride - pad;
    end = std::min(begin + kernel, size + pad);
    padded = end - begin;
    begin = std::max<ptrdiff_t>(begin, 0);
    end = std::min(end, size);
  }
  bool empty() const { return begin >= end; }
};

Span rows_of(ptrdiff_t oy, ptrdiff_t height, const Window& w) {
  return Span(oy, height, w.kernel_h, w.stride_h, w.pad_h);
}
Span columns_of(ptrdiff_t ox, ptrdiff_t width, const Window& w) {
  return Span(ox, width, w.kernel_w, w.stride_w, w.pad_w);
}

template <class Window2d>
void for_each_window(const Output& out, const Window2d& body) {
#pragma omp parallel for num_threads(threads()) schedule(static)
  for (ptrdiff_t row = 0; row < out.count * out.height; row++)
    for (ptrdiff_t ox = 0; ox < out.width; ox++) body(row / out.height, row % out.height, ox);
}

// The gradients run over the picture's rows, so that no two threads write the same place; a window that
// reaches into the rows of two threads is looked at by both. The order of additions does not depend on
// the number of threads.
template <class Rows>
void for_each_block_of_rows(const Output& dx, const Rows& body) {
  constexpr ptrdiff_t ROWS = 8;
  const ptrdiff_t blocks = divide_up(dx.height, ROWS);
#pragma omp parallel for num_threads(threads()) schedule(static)
  for (ptrdiff_t unit = 0; unit < dx.count * blocks; unit++) {
    const ptrdiff_t n = unit / blocks, y0 = unit % blocks * ROWS, y1 = std::min(y0 + ROWS, dx.height);
    std::fill(dx.at(n, y0, 0), dx.at(n, y0, 0) + (y1 - y0) * dx.width * dx.pixel, 0.f);
    body(n, y0, y1);
  }
}

// The windows whose rows may reach y0..y1.
Span windows_over(ptrdiff_t y0, ptrdiff_t y1, ptrdiff_t count, const Window& w) {
  const ptrdiff_t first = y0 + w.pad_h - w.kernel_h + 1;  // the first that ends behind y0
  Span span(0, 0, 0, 1, 0);
  span.begin = first <= 0 ? 0 : divide_up(first, w.stride_h);
  span.end = std::min(count, (y1 - 1 + w.pad_h) / w.stride_h + 1);
  return span;
}

}  // namespace

void pool_max(const Input& x, const Output& out, const Window& window) {
  for_each_window(out, [&](ptrdiff_t n, ptrdiff_t oy, ptrdiff_t ox) {
    const Span rows = rows_of(oy, x.height, window), columns = columns_of(ox, x.width, window);
    float* to = out.at(n, oy, ox);
    for (ptrdiff_t c = 0; c < x.channels; c += W) {
      vec best = splat(-FLT_MAX);
      for (ptrdiff_t y = rows.begin; y < rows.end; y++)
        for (ptrdiff_t i = columns.begin; i < columns.end; i++) {
          const vec value = load_upto(x.at(n, y, i) + c, x.channels - c);
          best = select(value > best, value, best);
        }
      store_upto(to + c, best, x.channels - c);
    }
  });
}

void pool_max_gradient(const Input& x, const Input& dy, const Output& dx, const Window& window) {
  for_each_block_of_rows(dx, [&](ptrdiff_t n, ptrdiff_t y0, ptrdiff_t y1) {
    const Span windows = windows_over(y0, y1, dy.height, window);
    for (ptrdiff_t oy = windows.begin; oy < windows.end; oy++)
      for (ptrdiff_t ox = 0; ox < dy.width; ox++) {
        const Span rows = rows_of(oy, x.height, window), columns = columns_of(ox, x.width, window);
        if (rows.empty() || columns.empty()) continue;
        for (ptrdiff_t c = 0; c < x.channels; c += W) {
          const ptrdiff_t lanes = x.channels - c;
          vec best = splat(-FLT_MAX);
          ivec winner = splat(-1);
          int32_t index = 0;
          for (ptrdiff_t y = rows.begin; y < rows.end; y++)
            for (ptrdiff_t i = columns.begin; i < columns.end; i++, index++) {
              const vec value = load_upto(x.at(n, y, i) + c, lanes);
              const ivec better = value > best;
              best = select(better, value, best);
              winner = select(better, splat(index), winner);
            }
          const vec gradient = load_upto(dy.at(n, oy, ox) + c, lanes);
          index = 0;
          for (ptrdiff_t y = rows.begin; y < rows.end; y++)
            for (ptrdiff_t i = columns.begin; i < columns.end; i++, index++) {
              if (y < y0 || y >= y1) continue;
              float* to = dx.at(n, y, i) + c;
              const vec share = select(winner == splat(index), gradient, vec{});
              store_upto(to, load_upto(to, lanes) + share, lanes);
            }
        }
      }
  });
}

void pool_average(const Input& x, const Output& out, const Window& window) {
  for_each_window(out, [&](ptrdiff_t n, ptrdiff_t oy, ptrdiff_t ox) {
    const Span rows = rows_of(oy, x.height, window), columns = columns_of(ox, x.width, window);
    float* to = out.at(n, oy, ox);
    if (rows.empty() || columns.empty()) {
      std::fill(to, to + x.channels, 0.f);
      return;
    }
    const vec size = splat(float(rows.padded * columns.padded));
    for (ptrdiff_t c = 0; c < x.channels; c += W) {
      vec sum = {};
      for (ptrdiff_t y = rows.begin; y < rows.end; y++)
        for (ptrdiff_t i = columns.begin; i < columns.end; i++)
          sum += load_upto(x.at(n, y, i) + c, x.channels - c);
      store_upto(to + c, sum / size, x.channels - c);
    }
  });
}

void pool_average_gradient(const Input& dy, const Output& dx, const Window& window) {
  for_each_block_of_rows(dx, [&](ptrdiff_t n, ptrdiff_t y0, ptrdiff_t y1) {
    const Span windows = windows_over(y0, y1, dy.height, window);
    for (ptrdiff_t oy = windows.begin; oy < windows.end; oy++)
      for (ptrdiff_t ox = 0; ox < dy.width; ox++) {
        const Span rows = rows_of(oy, dx.height, window), columns = columns_of(ox, dx.width, window);
        if (rows.empty() || columns.empty()) continue;
        const vec size = splat(float(rows.padded * columns.padded));
        for (ptrdiff_t c = 0; c < dx.channels; c += W) {
          const ptrdiff_t lanes = dx.channels - c;
          const vec share = load_upto(dy.at(n, oy, ox) + c, lanes) / size;
          for (ptrdiff_t y = std::max(rows.begin, y0); y < std::min(rows.end, y1); y++)
            for (ptrdiff_t i = columns.begin; i < columns.end; i++) {
              float* to = dx.at(n, y, i) + c;
              store_upto(to, load_upto(to, lanes) + share, lanes);
            }
        }
      }
  });
}

}  // namespace native
