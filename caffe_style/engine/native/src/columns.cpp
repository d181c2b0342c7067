#include "columns.h"

#include <algorithm>

namespace native {
namespace {

// Copies n floats, or those that the mask lets through. May write up to W floats too many.
inline void copy(const float* from, const Mask& mask, ptrdiff_t n, float* to) {
  ptrdiff_t i = 0;
  if (mask) {
    for (; i + W <= n; i += W) store(to + i, mask.apply(load(from + i), i));
    if (i < n) store(to + i, mask.apply(load_first(from + i, n - i), i, n - i));
  } else {
    for (; i + W <= n; i += W) store(to + i, load(from + i));
    if (i < n) store(to + i, load_first(from + i, n - i));
  }
}

inline void fill_zero(ptrdiff_t n, float* to) {
  for (ptrdiff_t i = 0; i < n; i += W) store(to + i, vec{});
}

}  // namespace

void Columns::add(ptrdiff_t dy, ptrdiff_t dx) {
  if (!runs_.empty() && runs_.back().dy == dy && runs_.back().dx + runs_.back().taps == dx)
    runs_.back().taps++;
  else
    runs_.push_back({dy, dx, 1});
  taps_++;
  top_ = std::min(top_, dy);
  bottom_ = std::max(bottom_, dy);
  left_ = std::min(left_, dx);
  right_ = std::max(right_, dx);
}

bool Columns::is_pointwise() const {
  return taps_ == 1 && runs_[0].dx == 0 && runs_[0].dy == 0 && stride_h_ == 1 && stride_w_ == 1 &&
         height == x.height && width == x.width;
}

void Columns::gather(ptrdiff_t first, ptrdiff_t count, float* to, ptrdiff_t ld) const {
  ptrdiff_t n = first / (height * width), oy = first / width % height, ox = first % width;
  for (ptrdiff_t row = 0; row < count; row++, to += ld) {
    const ptrdiff_t y = oy * stride_h_, i = ox * stride_w_;
    const bool inside = y + top_ >= 0 && y + bottom_ < x.height && i + left_ >= 0 && i + right_ < x.width;
    if (inside)
      gather_inside(x.at(n, y, i), to);
    else
      gather_at_border(n, y, i, to);
    if (++ox == width) {
      ox = 0;
      if (++oy == height) oy = 0, n++;
    }
  }
}

// `from` is the pixel that the taps are counted from.
void Columns::gather_inside(const float* from, float* to) const {
  const ptrdiff_t C = x.channels;
  const bool packed = x.pixel == C;  // the pixels of a run are then one stretch of memory
  for (const Run& run : runs_) {
    const float* pixel = from + (run.dy * x.width + run.dx) * x.pixel;
    const ptrdiff_t stretches = packed ? 1 : run.taps, floats = packed ? run.taps * C : C;
    for (ptrdiff_t i = 0; i < stretches; i++, pixel += x.pixel, to += floats)
      copy(pixel, mask.from(pixel - x.data), floats, to);
  }
}

void Columns::gather_at_border(ptrdiff_t n, ptrdiff_t y, ptrdiff_t i, float* to) const {
  const ptrdiff_t C = x.channels;
  for (const Run& run : runs_)
    for (ptrdiff_t tap = 0; tap < run.taps; tap++, to += C) {
      const ptrdiff_t py = y + run.dy, px = i + run.dx + tap;
      if (py < 0 || py >= x.height || px < 0 || px >= x.width) {
        fill_zero(C, to);
        continue;
      }
      const float* pixel = x.at(n, py, px);
      copy(pixel, mask.from(pixel - x.data), C, to);
    }
}

Columns window_columns(const Input& x, const Output& out, const Window& w) {
  Columns columns(x, Mask{}, w.stride_h, w.stride_w, out.height, out.width);
  for (ptrdiff_t ky = 0; ky < w.kernel_h; ky++)
    for (ptrdiff_t kx = 0; kx < w.kernel_w; kx++)
      columns.add(ky * w.dilation_h - w.pad_h, kx * w.dilation_w - w.pad_w);
  return columns;
}

}  // namespace native
