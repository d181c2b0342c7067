// The last step of a convolution by matrix products: bias, rectification, and the way into memory.
#pragma once

#include "convolution.h"

namespace native {

struct Responses {
  const float* bias;  // of all filters, or null
  bool relu;
  bool streams;  // past the caches
  ptrdiff_t channels;
  const float* first;
  Bits* signs;  // of all responses, or null

  Responses(const float* bias, bool relu, const Output& out, Bits* signs = nullptr)
      : bias(bias), relu(relu), streams(out.streams()), channels(out.channels), first(out.data), signs(signs) {}

  // V vectors of one pixel's responses, from channel k; lanes past the last channel are dropped.
  template <int V>
  void write(const vec* sums, float* pixel, ptrdiff_t k) const {
#pragma GCC unroll 2
    for (int v = 0; v < V; v++) {
      const ptrdiff_t at = k + v * W, left = channels - at;
      if (left <= 0) break;
      vec y = sums[v];
      if (bias) y += load_upto(bias + at, left);
      if (relu) y = rectified(y);
      if (signs) signs[std::size_t(pixel + at - first) / W] = positive(y);
      if (streams)
        stream(pixel + at, y);
      else
        store_upto(pixel + at, y, left);
    }
  }
};

}  // namespace native
