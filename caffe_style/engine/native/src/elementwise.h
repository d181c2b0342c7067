// Element by element, and channel by channel: bound by memory, so each is one pass.
#pragma once

#include "simd.h"

namespace native {

// out = max(x, 0) + negative_slope * min(x, 0); out may be x.
void relu(const float* x, float* out, ptrdiff_t count, float negative_slope);

// dx = dy * (1 where y > 0, negative_slope elsewhere); dx may be dy.
void relu_gradient(const float* y, const float* dy, float* dx, ptrdiff_t count, float negative_slope);

// out[p, c] = x[p, c] * scale[c] + shift[c]; either may be null. out may be x.
void scale_shift(const float* x, float* out, ptrdiff_t pixels, ptrdiff_t channels, const float* scale,
                 const float* shift);

// out += factor * x
void add_scaled(float* out, const float* x, ptrdiff_t count, float factor);

}  // namespace native
