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

// How a window's share gets into the gradient: where windows neither overlap nor leave gaps it is the whole
// gradient of its pixel, which then need not be cleared before.
struct Shares {
  bool whole, streams;

  Shares(const Input& dy, const Output& dx, const Window& w)
      : whole(w.kernel_h == w.stride_h && w.kernel_w == w.stride_w && !w.pad_h && !w.pad_w &&
              dy.height * w.stride_h >= dx.height && dy.width * w.stride_w >= dx.width),
        streams(whole && dx.streams()) {}

  void add(float* to, vec share, ptrdiff_t lanes) const {
    if (streams)
      stream(to, share);
    else
      store_upto(to, whole ? share : load_upto(to, lanes) + share, lanes);
  }
};

// The gradients run over the picture's rows, so that no two threads write the same place; a window that
// reaches into the rows of two blocks is looked at for both. The order of additions does not depend on the
// number of threads.
template <class Rows>
void for_each_block_of_rows(const Output& dx, const Window& window, const Shares& shares, const Rows& body) {
  // Where windows do not overlap, a row of them at a time stays in the cache between clearing and adding.
  const ptrdiff_t rows = window.kernel_h <= window.stride_h ? window.stride_h : 4 * window.stride_h;
  const ptrdiff_t blocks = divide_up(dx.height + window.pad_h, rows);
#pragma omp parallel for num_threads(threads()) schedule(static)
  for (ptrdiff_t unit = 0; unit < dx.count * blocks; unit++) {
    const ptrdiff_t n = unit / blocks, top = unit % blocks * rows - window.pad_h;
    const ptrdiff_t y0 = std::max<ptrdiff_t>(top, 0), y1 = std::min(top + rows, dx.height);
    if (y0 >= y1) continue;
    if (!shares.whole) std::fill(dx.at(n, y0, 0), dx.at(n, y0, 0) + (y1 - y0) * dx.width * dx.pixel, 0.f);
    body(n, y0, y1);
    if (shares.streams) stream_fence();
  }
}

// The first of the windows that may reach the rows y0..y1, and the one behind the last.
ptrdiff_t first_window(ptrdiff_t y0, const Window& w) {
  const ptrdiff_t reach = y0 + w.pad_h - w.kernel_h + 1;
  return reach <= 0 ? 0 : divide_up(reach, w.stride_h);
}
ptrdiff_t end_window(ptrdiff_t y1, ptrdiff_t count, const Window& w) {
  return std::min(count, (y1 - 1 + w.pad_h) / w.stride_h + 1);
}

}  // namespace

namespace {

// The maximum of W channels over rows x columns pixels; K, if not 0, is both.
template <int K>
vec maximum(const float* x, ptrdiff_t row_step, ptrdiff_t pixel, ptrdiff_t rows, ptrdiff_t columns,
            ptrdiff_t lanes) {
  if (K) rows = columns = K;
  vec best = splat(-FLT_MAX);
#pragma GCC unroll 3
  for (ptrdiff_t y = 0; y < rows; y++)
#pragma GCC unroll 3
    for (ptrdiff_t i = 0; i < columns; i++) {
      const vec value = load_upto(x + y * row_step + i * pixel, lanes);
      best = select(value > best, value, best);
    }
  return best;
}

// The version of a function for windows of this size: the common ones are unrolled.
template <class Function>
Function for_size(ptrdiff_t rows, ptrdiff_t columns, Function any, Function two, Function three) {
  return rows != columns ? any : rows == 2 ? two : rows == 3 ? three : any;
}

}  // namespace

void pool_max(const Input& x, const Output& out, const Window& window) {
  for_each_window(out, [&](ptrdiff_t n, ptrdiff_t oy, ptrdiff_t ox) {
    const Span rows = rows_of(oy, x.height, window), columns = columns_of(ox, x.width, window);
    const ptrdiff_t height = rows.end - rows.begin, width = columns.end - columns.begin;
    const auto best = for_size(height, width, maximum<0>, maximum<2>, maximum<3>);
    const float* from = rows.empty() || columns.empty() ? nullptr : x.at(n, rows.begin, columns.begin);
    float* to = out.at(n, oy, ox);
    for (ptrdiff_t c = 0; c < x.channels; c += W) {
      const ptrdiff_t lanes = x.channels - c;
      const vec value =
          from ? best(from + c, x.width * x.pixel, x.pixel, height, width, lanes) : splat(-FLT_MAX);
      store_upto(to + c, value, lanes);
    }
  });
}

namespace {

// Gives W channels' gradient to the first maximum of a window of rows x columns pixels; K, if not 0, is both.
// Only rows first..end of the window get any.
template <int K>
void to_first_maximum(const float* x, float* dx, vec gradient, ptrdiff_t row_step, ptrdiff_t pixel,
                      ptrdiff_t rows, ptrdiff_t columns, ptrdiff_t first, ptrdiff_t end, ptrdiff_t lanes,
                      const Shares& shares) {
  if (K) rows = columns = K;
  vec best = splat(-FLT_MAX);
  ivec winner = splat(-1);
#pragma GCC unroll 3
  for (ptrdiff_t y = 0; y < rows; y++)
#pragma GCC unroll 3
    for (ptrdiff_t i = 0; i < columns; i++) {
      const vec value = load_upto(x + y * row_step + i * pixel, lanes);
      const ivec better = value > best;
      best = select(better, value, best);
      winner = select(better, splat(int32_t(y * columns + i)), winner);
    }
#pragma GCC unroll 3
  for (ptrdiff_t y = 0; y < rows; y++) {
    if (y < first || y >= end) continue;
#pragma GCC unroll 3
    for (ptrdiff_t i = 0; i < columns; i++) {
      float* to = dx + y * row_step + i * pixel;
      const vec share = select(winner == splat(int32_t(y * columns + i)), gradient, vec{});
      shares.add(to, share, lanes);
    }
  }
}

}  // namespace

void pool_max_gradient(const Input& x, const Input& dy, const Output& dx, const Window& window) {
  const ptrdiff_t row_step = x.width * x.pixel;
  const Shares shares(dy, dx, window);
  for_each_block_of_rows(dx, window, shares, [&](ptrdiff_t n, ptrdiff_t y0, ptrdiff_t y1) {
    const ptrdiff_t end = end_window(y1, dy.height, window);
    for (ptrdiff_t oy = first_window(y0, window); oy < end; oy++)
      for (ptrdiff_t ox = 0; ox < dy.width; ox++) {
        const Span rows = rows_of(oy, x.height, window), columns = columns_of(ox, x.width, window);
        if (rows.empty() || columns.empty()) continue;
        const ptrdiff_t height = rows.end - rows.begin, width = columns.end - columns.begin;
        const auto route =
            for_size(height, width, to_first_maximum<0>, to_first_maximum<2>, to_first_maximum<3>);
        const float *from = x.at(n, rows.begin, columns.begin), *gradient = dy.at(n, oy, ox);
        float* to = dx.at(n, rows.begin, columns.begin);
        for (ptrdiff_t c = 0; c < x.channels; c += W) {
          const ptrdiff_t lanes = x.channels - c;
          route(from + c, to + c, load_upto(gradient + c, lanes), row_step, x.pixel, height, width,
                y0 - rows.begin, y1 - rows.begin, lanes, shares);
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
  const Shares shares(dy, dx, window);
  for_each_block_of_rows(dx, window, shares, [&](ptrdiff_t n, ptrdiff_t y0, ptrdiff_t y1) {
    const ptrdiff_t end = end_window(y1, dy.height, window);
    for (ptrdiff_t oy = first_window(y0, window); oy < end; oy++)
      for (ptrdiff_t ox = 0; ox < dy.width; ox++) {
        const Span rows = rows_of(oy, dx.height, window), columns = columns_of(ox, dx.width, window);
        if (rows.empty() || columns.empty()) continue;
        const vec size = splat(float(rows.padded * columns.padded));
        for (ptrdiff_t c = 0; c < dx.channels; c += W) {
          const ptrdiff_t lanes = dx.channels - c;
          const vec share = load_upto(dy.at(n, oy, ox) + c, lanes) / size;
          for (ptrdiff_t y = std::max(rows.begin, y0); y < std::min(rows.end, y1); y++)
            for (ptrdiff_t i = columns.begin; i < columns.end; i++)
              shares.add(dx.at(n, y, i) + c, share, lanes);
        }
      }
  });
}

}  // namespace native
