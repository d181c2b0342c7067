// Where rectified responses are positive, a bit for each: all that the gradient needs of them.
#pragma once

#include <vector>

#include "simd.h"

namespace native {

// The bits of all responses of a convolution, for each vector of channels a word.
class Signs {
 public:
  // Room for so many responses, a multiple of W.
  Bits* room(ptrdiff_t responses) {
    bits_.resize(responses / W);
    responses_ = responses;
    return bits_.data();
  }
  void forget() { responses_ = 0; }

  const Bits* bits() const { return bits_.data(); }
  ptrdiff_t responses() const { return responses_; }

 private:
  std::vector<Bits> bits_;
  ptrdiff_t responses_ = 0;
};

// What lets values pass where a response was positive, which lies as they do. It knows the responses or their
// bits; without either all pass.
struct Mask {
  const float* responses = nullptr;
  const Bits* bits = nullptr;

  explicit operator bool() const { return responses || bits; }

  Mask from(ptrdiff_t offset) const {
    return {responses ? responses + offset : nullptr, bits ? bits + offset / W : nullptr};
  }
  // Up to W values that lie `offset` floats behind the first; with bits, a multiple of W.
  vec apply(vec values, std::size_t offset, ptrdiff_t count = W) const {
    if (bits) return where(bits[offset / W], values);
    return responses ? select(load_upto(responses + offset, count) > vec{}, values, vec{}) : values;
  }
};

}  // namespace native
