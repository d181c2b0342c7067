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

// Which input pixels an output pixel (y, x) of a grid height x width looks at: those of the runs, from
// (y * stride_h, x * stride_w).
struct Columns {
  Input x;
  const float* mask;  // null, or as x.data: values of x count as zero where it is not positive
  std::vector<Run> runs;
  ptrdiff_t stride_h, stride_w;
  ptrdiff_t height, width;  // of the grid of output pixels
  ptrdiff_t depth;          // values in a row

  ptrdiff_t rows() const { return x.count * height * width; }

  // Writes rows first..first+count, `ld` >= depth + W floats apart; what lies behind a row's values is undefined.
  void gather(ptrdiff_t first, ptrdiff_t count, float* to, ptrdiff_t ld) const;
};

// The columns of a forward convolution.
Columns window_columns(const Input& x, const Output& out, const Window& window);

}  // namespace native
