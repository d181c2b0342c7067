// Sums of squared differences, with their gradients: bound by memory, so each is one pass.
#pragma once

#include "matmul.h"

namespace native {

// Returns the sum of (x - y)^2 over matrices with contiguous rows, and adds a (x - y) to dx.
double squared_distance(const Matrix& x, const Matrix& y, float* dx, ptrdiff_t dx_step, float a);

// Returns the sum of the squared differences of the neighbours, across and down, in a picture whose rows hold
// the channels of a pixel side by side; adds a times half of its gradient to dx.
double squared_variation(const Matrix& x, ptrdiff_t channels, float* dx, ptrdiff_t dx_step, float a);

}  // namespace native
