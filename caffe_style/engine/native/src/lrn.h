// Local response normalisation across channels (AlexNet, GoogLeNet).
#pragma once

#include "simd.h"

namespace native {

struct Lrn {
  ptrdiff_t size;  // channels in a window
  float alpha, beta, k;
};

// scale[c] = k + alpha / size * sum of x^2 over the window of channels around c; y = x * scale^-beta.
void lrn_across(const float* x, float* y, ptrdiff_t pixels, ptrdiff_t channels, const Lrn& lrn);

// dx[c] = dy[c] scale[c]^-beta - 2 alpha beta / size * x[c] * sum over the window of dy y / scale.
void lrn_across_gradient(const float* x, const float* y, const float* dy, float* dx, ptrdiff_t pixels,
                         ptrdiff_t channels, const Lrn& lrn);

}  // namespace native
