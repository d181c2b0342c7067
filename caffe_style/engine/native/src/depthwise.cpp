// Convolution where each channel has a filter of its own: nothing to multiply matrices with, a pass over
// the pixels with a vector of channels.
#include <algorithm>

#include "convolution.h"
#include "scratch.h"
#include "threads.h"

namespace native {
namespace {

// The filters as [tap][channel].
float* transposed(const float* weights, ptrdiff_t channels, ptrdiff_t taps, Scratch& scratch) {
  float* to = scratch.take(taps * channels);
  for (ptrdiff_t c = 0; c < channels; c++)
    for (ptrdiff_t t = 0; t < taps; t++) to[t * channels + c] = weights[c * taps + t];
  return to;
}

}  // namespace

void depthwise_convolution(const Input& x, const float* weights, const float* bias, bool relu,
                           const Output& out, const Window& w) {
  const ptrdiff_t C = x.channels, taps = w.kernel_h * w.kernel_w;
  Scratch scratch(Scratch::rounded(taps * C));
  const float* filters = transposed(weights, C, taps, scratch);
#pragma omp parallel for num_threads(threads()) schedule(static)
  for (ptrdiff_t row = 0; row < out.count * out.height; row++) {
    const ptrdiff_t n = row / out.height, oy = row % out.height;
    for (ptrdiff_t ox = 0; ox < out.width; ox++)
      for (ptrdiff_t c = 0; c < C; c += W) {
        const ptrdiff_t lanes = C - c;
        vec sum = bias ? load_upto(bias + c, lanes) : vec{};
        for (ptrdiff_t ky = 0; ky < w.kernel_h; ky++) {
          const ptrdiff_t y = oy * w.stride_h - w.pad_h + ky * w.dilation_h;
          if (y < 0 || y >= x.height) continue;
          for (ptrdiff_t kx = 0; kx < w.kernel_w; kx++) {
            const ptrdiff_t i = ox * w.stride_w - w.pad_w + kx * w.dilation_w;
            if (i < 0 || i >= x.width) continue;
            sum += load_upto(x.at(n, y, i) + c, lanes) *
                   load_upto(filters + (ky * w.kernel_w + kx) * C + c, lanes);
          }
        }
        store_upto(out.at(n, oy, ox) + c, relu ? rectified(sum) : sum, lanes);
      }
  }
}

void depthwise_input_gradient(const Input& dy, const Mask& mask, const float* weights, const Output& dx,
                              const Window& w) {
  const ptrdiff_t C = dx.channels, taps = w.kernel_h * w.kernel_w;
  Scratch scratch(Scratch::rounded(taps * C));
  const float* filters = transposed(weights, C, taps, scratch);
#pragma omp parallel for num_threads(threads()) schedule(static)
  for (ptrdiff_t row = 0; row < dx.count * dx.height; row++) {
    const ptrdiff_t n = row / dx.height, y = row % dx.height;
    for (ptrdiff_t x = 0; x < dx.width; x++)
      for (ptrdiff_t c = 0; c < C; c += W) {
        const ptrdiff_t lanes = C - c;
        vec sum = {};
        for (ptrdiff_t ky = 0; ky < w.kernel_h; ky++) {
          const ptrdiff_t top = y + w.pad_h - ky * w.dilation_h;
          if (top < 0 || top % w.stride_h || top / w.stride_h >= dy.height) continue;
          for (ptrdiff_t kx = 0; kx < w.kernel_w; kx++) {
            const ptrdiff_t left = x + w.pad_w - kx * w.dilation_w;
            if (left < 0 || left % w.stride_w || left / w.stride_w >= dy.width) continue;
            const float* from = dy.at(n, top / w.stride_h, left / w.stride_w) + c;
            vec d = load_upto(from, lanes);
            d = mask.apply(d, from - dy.data, lanes);
            sum += d * load_upto(filters + (ky * w.kernel_w + kx) * C + c, lanes);
          }
        }
        store_upto(dx.at(n, y, x) + c, sum, lanes);
      }
  }
}

}  // namespace native
