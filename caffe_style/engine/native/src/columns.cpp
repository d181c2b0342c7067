#include "columns.h"

#include <algorithm>

namespace native {
namespace {

// Copies n floats, or those that the mask lets through. May write up to W floats too many.
inline void copy(const float* from, const float* mask, ptrdiff_t n, float* to) {
  ptrdiff_t i = 0;
  if (mask) {
    for (; i + W <= n; i += W) store(to + i, select(load(mask + i) > vec{}, load(from + i), vec{}));
    if (i < n)
      store(to + i, select(load_first(mask + i, n - i) > vec{}, load_first(from + i, n - i), vec{}));
  } else {
    for (; i + W <= n; i += W) store(to + i, load(from + i));
    if (i < n) store(to + i, load_first(from + i, n - i));
  }
}

inline void fill_zero(ptrdiff_t n, float* to) {
  for (ptrdiff_t i = 0; i < n; i += W) store(to + i, vec{});
}

}  // namespace

void Columns::gather(ptrdiff_t first, ptrdiff_t count, float* to, ptrdiff_t ld) const {
  const ptrdiff_t C = x.channels;
  const bool packed = x.pixel == C;  // the pixels of a run are then one stretch of memory
  for (ptrdiff_t row = first; row < first + count; row++, to += ld) {
    const ptrdiff_t n = row / (height * width), within = row % (height * width);
    const ptrdiff_t oy = within / width * stride_h, ox = within % width * stride_w;
    float* at = to;
    for (const Run& run : runs) {
      const ptrdiff_t y = oy + run.dy, x0 = ox + run.dx, x1 = x0 + run.taps;
      // In order: zeros left of the picture, its pixels, zeros right of it; later ones overwrite the excess.
      const bool inside = y >= 0 && y < x.height;
      const ptrdiff_t begin = inside ? std::clamp<ptrdiff_t>(0, x0, x1) : x1;
      const ptrdiff_t end = inside ? std::clamp(x.width, begin, x1) : x1;
      if (begin > x0) fill_zero((begin - x0) * C, at);
      if (begin < end) {
        const float* from = x.at(n, y, begin);
        const float* allowed = mask ? mask + (from - x.data) : nullptr;
        float* put = at + (begin - x0) * C;
        if (packed)
          copy(from, allowed, (end - begin) * C, put);
        else
          for (ptrdiff_t i = 0; i < end - begin; i++)
            copy(from + i * x.pixel, allowed ? allowed + i * x.pixel : nullptr, C, put + i * C);
      }
      if (end < x1) fill_zero((x1 - end) * C, at + (end - x0) * C);
      at += run.taps * C;
    }
  }
}

Columns window_columns(const Input& x, const Output& out, const Window& w) {
  Columns columns{x, nullptr, {}, w.stride_h, w.stride_w, out.height, out.width,
                  w.kernel_h * w.kernel_w * x.channels};
  for (ptrdiff_t ky = 0; ky < w.kernel_h; ky++) {
    const ptrdiff_t dy = ky * w.dilation_h - w.pad_h;
    if (w.dilation_w == 1)
      columns.runs.push_back({dy, -w.pad_w, w.kernel_w});
    else
      for (ptrdiff_t kx = 0; kx < w.kernel_w; kx++)
        columns.runs.push_back({dy, kx * w.dilation_w - w.pad_w, 1});
  }
  return columns;
}

}  // namespace native
