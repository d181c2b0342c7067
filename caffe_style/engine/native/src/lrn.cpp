#include "lrn.h"

#include <algorithm>
#include <cmath>

#include "scratch.h"
#include "threads.h"

namespace native {
namespace {

// x^-beta, lane by lane.
vec power(vec x, float beta) {
  vec result;
  for (int i = 0; i < W; i++) {
    // 0.75 is what every published network uses; two square roots are several times faster than pow.
    if (beta == 0.75f)
      result[i] = 1 / (std::sqrt(x[i]) * std::sqrt(std::sqrt(x[i])));
    else
      result[i] = std::pow(x[i], -beta);
  }
  return result;
}

// A pixel's channels between zeros, so that windows reach over the ends.
struct Padded {
  float* data;  // of channel 0
  ptrdiff_t channels, size;

  static std::size_t floats(ptrdiff_t channels, ptrdiff_t size) { return channels + 2 * size + 2 * W; }
  Padded(float* memory, ptrdiff_t channels, ptrdiff_t size)
      : data(memory + size), channels(channels), size(size) {
    std::fill_n(memory, floats(channels, size), 0.f);
  }
  // Sum over the window that starts `before` channels before c.
  vec window(ptrdiff_t c, ptrdiff_t before) const {
    vec sum = {};
    for (ptrdiff_t i = 0; i < size; i++) sum += load(data + c - before + i);
    return sum;
  }
};

vec scale_of(const Padded& squares, ptrdiff_t c, const Lrn& lrn) {
  return lrn.k + lrn.alpha / float(lrn.size) * squares.window(c, (lrn.size - 1) / 2);
}

void square(const float* x, const Padded& to) {
  for (ptrdiff_t c = 0; c < to.channels; c += W) {
    const vec v = load_upto(x + c, to.channels - c);
    store_upto(to.data + c, v * v, to.channels - c);
  }
}

}  // namespace

void lrn_across(const float* x, float* y, ptrdiff_t pixels, ptrdiff_t channels, const Lrn& lrn) {
  const std::size_t own = Scratch::rounded(Padded::floats(channels, lrn.size));
  Scratch scratch(threads() * own);
  float* memory = scratch.take(threads() * own);
#pragma omp parallel num_threads(threads())
  {
    const Padded squares(memory + thread_index() * own, channels, lrn.size);
#pragma omp for schedule(static)
    for (ptrdiff_t p = 0; p < pixels; p++) {
      const float* from = x + p * channels;
      square(from, squares);
      for (ptrdiff_t c = 0; c < channels; c += W) {
        const ptrdiff_t lanes = channels - c;
        store_upto(y + p * channels + c,
                   load_upto(from + c, lanes) * power(scale_of(squares, c, lrn), lrn.beta), lanes);
      }
    }
  }
}

void lrn_across_gradient(const float* x, const float* y, const float* dy, float* dx, ptrdiff_t pixels,
                         ptrdiff_t channels, const Lrn& lrn) {
  const std::size_t one = Scratch::rounded(Padded::floats(channels, lrn.size));
  const std::size_t own = 2 * one + Scratch::rounded(channels + W);
  Scratch scratch(threads() * own);
  float* memory = scratch.take(threads() * own);
  const float factor = 2 * lrn.alpha * lrn.beta / float(lrn.size);
#pragma omp parallel num_threads(threads())
  {
    float* mine = memory + thread_index() * own;
    const Padded squares(mine, channels, lrn.size), ratios(mine + one, channels, lrn.size);
    float* scales = mine + 2 * one;
#pragma omp for schedule(static)
    for (ptrdiff_t p = 0; p < pixels; p++) {
      const ptrdiff_t at = p * channels;
      square(x + at, squares);
      for (ptrdiff_t c = 0; c < channels; c += W) {
        const ptrdiff_t lanes = channels - c;
        const vec scale = scale_of(squares, c, lrn);
        store(scales + c, scale);
        store_upto(ratios.data + c, load_upto(dy + at + c, lanes) * load_upto(y + at + c, lanes) / scale,
                   lanes);
      }
      for (ptrdiff_t c = 0; c < channels; c += W) {
        const ptrdiff_t lanes = channels - c;
        // A response counts for this channel if this channel lies in its window: the window mirrored.
        const vec sum = ratios.window(c, lrn.size / 2);
        const vec direct = load_upto(dy + at + c, lanes) * power(load(scales + c), lrn.beta);
        store_upto(dx + at + c, direct - factor * load_upto(x + at + c, lanes) * sum, lanes);
      }
    }
  }
}

}  // namespace native
