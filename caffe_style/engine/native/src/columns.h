// Columns of a convolution (im2col): for each output pixel a row of the input values its window meets.
#pragma once

#include <vector>

#include "convolution.h"

namespace native {

// Taps of a kernel that lie side by side in a picture's row.
struct Run {
  ptrdiff_t dy, dx;  // of the first tap, from (stride * output position)
  ptrdiff_t taps;
};

// Which input pixels an output pixel (y, x) of a grid height x width looks at: its taps, from
// (y * stride_h, x * stride_w).
class Columns {
 public:
  // Values of x count as zero where the mask does not let them through; it lies as x does.
  Columns(const Input& x, const Mask& mask, ptrdiff_t stride_h, ptrdiff_t stride_w, ptrdiff_t height,
          ptrdiff_t width)
      : x(x), mask(mask), height(height), width(width), stride_h_(stride_h), stride_w_(stride_w) {}

  // Appends a tap; its values follow those of the taps before it.
  void add(ptrdiff_t dy, ptrdiff_t dx);

  // Writes rows first..first+count, `ld` >= depth() + W floats apart; what lies behind a row's values is
  // undefined.
  void gather(ptrdiff_t first, ptrdiff_t count, float* to, ptrdiff_t ld) const;

  ptrdiff_t rows() const { return x.count * height * width; }
  ptrdiff_t depth() const { return taps_ * x.channels; }
  // Whether row r holds just pixel r of the picture, as it is or masked.
  bool is_pointwise() const;

  const Input x;
  const Mask mask;
  const ptrdiff_t height, width;

 private:
  void gather_inside(const float* from, float* to) const;
  void gather_at_border(ptrdiff_t n, ptrdiff_t y, ptrdiff_t x, float* to) const;

  const ptrdiff_t stride_h_, stride_w_;
  std::vector<Run> runs_;
  ptrdiff_t taps_ = 0;
  ptrdiff_t top_ = 0, bottom_ = 0, left_ = 0, right_ = 0;  // how far the taps reach
};

// The columns of a forward convolution.
Columns window_columns(const Input& x, const Output& out, const Window& window);

}  // namespace native
