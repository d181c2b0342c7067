#include "elementwise.h"

#include <algorithm>

#include "threads.h"

namespace native {
namespace {

// body(i, n) for vectors of n <= W elements at i that together are 0..count.
template <class Body>
void for_each_vector(ptrdiff_t count, const Body& body) {
  constexpr ptrdiff_t BLOCK = 1024 * W;
#pragma omp parallel for num_threads(count > BLOCK ? threads() : 1) schedule(static)
  for (ptrdiff_t first = 0; first < count; first += BLOCK) {
    const ptrdiff_t end = std::min(first + BLOCK, count);
    ptrdiff_t i = first;
    for (; i + W <= end; i += W) body(i, ptrdiff_t(W));
    if (i < end) body(i, end - i);
  }
}

}  // namespace

void relu(const float* x, float* out, ptrdiff_t count, float negative_slope) {
  if (negative_slope == 0)
    for_each_vector(
        count, [=](ptrdiff_t i, ptrdiff_t n) { store_upto(out + i, rectified(load_upto(x + i, n)), n); });
  else
    for_each_vector(count, [=](ptrdiff_t i, ptrdiff_t n) {
      const vec v = load_upto(x + i, n);
      store_upto(out + i, select(v > vec{}, v, v * negative_slope), n);
    });
}

void relu_gradient(const float* y, const float* dy, float* dx, ptrdiff_t count, float negative_slope) {
  for_each_vector(count, [=](ptrdiff_t i, ptrdiff_t n) {
    const vec d = load_upto(dy + i, n);
    store_upto(dx + i, select(load_upto(y + i, n) > vec{}, d, d * negative_slope), n);
  });
}

void scale_shift(const float* x, float* out, ptrdiff_t pixels, ptrdiff_t channels, const float* scale,
                 const float* shift) {
#pragma omp parallel for num_threads(pixels* channels > 16384 ? threads() : 1) schedule(static)
  for (ptrdiff_t p = 0; p < pixels; p++)
    for (ptrdiff_t c = 0; c < channels; c += W) {
      const ptrdiff_t n = channels - c;
      vec v = load_upto(x + p * channels + c, n);
      if (scale) v *= load_upto(scale + c, n);
      if (shift) v += load_upto(shift + c, n);
      store_upto(out + p * channels + c, v, n);
    }
}

void add_scaled(float* out, const float* x, ptrdiff_t count, float factor) {
  for_each_vector(count, [=](ptrdiff_t i, ptrdiff_t n) {
    store_upto(out + i, load_upto(out + i, n) + factor * load_upto(x + i, n), n);
  });
}

}  // namespace native
