// Convolution of a picture of few channels (the first layer of a network).
//
// The input under a stretch of a row of responses is copied with the pixels of a column of the window side by
// side: (x, row of the window, channel). The window of a response is then one piece of this strip, that of
// the next response begins `stride` columns later, and no value is copied for each window that it lies in.
#include <algorithm>

#include "convolution.h"
#include "microkernel.h"
#include "responses.h"
#include "scratch.h"
#include "threads.h"

namespace native {
namespace {

constexpr ptrdiff_t BLOCK = 8 * MR;  // responses of a strip

struct Strips {
  const Input& x;
  const Window& w;
  ptrdiff_t tall, depth;  // floats of a column of the window, and of all of it

  Strips(const Input& x, const Window& w)
      : x(x), w(w), tall(w.kernel_h * x.channels), depth(w.kernel_w * tall) {}

  std::size_t floats() const { return Scratch::rounded(((BLOCK - 1) * w.stride_w + w.kernel_w) * tall + W); }

  // The strip under the responses (n, oy, first..first+count).
  void copy(ptrdiff_t n, ptrdiff_t oy, ptrdiff_t first, ptrdiff_t count, float* to) const {
    const ptrdiff_t C = x.channels, top = oy * w.stride_h - w.pad_h, left = first * w.stride_w - w.pad_w;
    const ptrdiff_t end = left + (count - 1) * w.stride_w + w.kernel_w;
    const ptrdiff_t y0 = std::clamp<ptrdiff_t>(-top, 0, w.kernel_h),
                    y1 = std::min(x.height - top, w.kernel_h);
    for (ptrdiff_t i = left; i < end; i++, to += tall) {
      if (i < 0 || i >= x.width || y0 > 0 || y1 < w.kernel_h) std::fill_n(to, tall, 0.f);
      if (i < 0 || i >= x.width) continue;
      for (ptrdiff_t ky = y0; ky < y1; ky++) {
        const float* pixel = x.at(n, top + ky, i);
        // What comes with the pixel is overwritten, but for the zeros behind the picture's last row.
        if ((x.width - i) * C >= 4 && y1 == w.kernel_h)
          store_four(to + ky * C, load_four(pixel));
        else
          std::copy_n(pixel, C, to + ky * C);
      }
    }
  }

  // The filters as [panel][depth][NR]; lanes past the last filter are zero.
  void pack(const float* weights, ptrdiff_t K, float* to) const {
    const ptrdiff_t C = x.channels, taps = w.kernel_h * w.kernel_w;
    for (ptrdiff_t k = 0; k < round_up(K, NR); k++)
      for (ptrdiff_t d = 0; d < depth; d++) {
        const ptrdiff_t kx = d / tall, ky = d % tall / C, c = d % C;
        to[(k / NR * depth + d) * NR + k % NR] =
            k < K ? weights[(k * C + c) * taps + ky * w.kernel_w + kx] : 0;
      }
  }
};

}  // namespace

void picture_convolution(const Input& x, const float* weights, const float* bias, bool relu,
                         const Output& out, Bits* signs, const Window& w) {
  const Strips strips(x, w);
  const Responses responses(bias, relu, out, signs);
  const ptrdiff_t K = out.channels, depth = strips.depth, blocks = divide_up(out.width, BLOCK);
  Scratch scratch(Scratch::rounded(round_up(K, NR) * depth) + threads() * strips.floats());
  float* packed = scratch.take(round_up(K, NR) * depth);
  float* own = scratch.take(threads() * strips.floats());
  strips.pack(weights, K, packed);
#pragma omp parallel for num_threads(threads()) schedule(static)
  for (ptrdiff_t unit = 0; unit < out.count * out.height * blocks; unit++) {
    const ptrdiff_t row = unit / blocks, first = unit % blocks * BLOCK;
    const ptrdiff_t n = row / out.height, oy = row % out.height, count = std::min(BLOCK, out.width - first);
    float* strip = own + thread_index() * strips.floats();
    strips.copy(n, oy, first, count, strip);
    float* to = out.at(n, oy, first);
    const ptrdiff_t pixel = out.pixel, panels = divide_up(K, NR);
    for (ptrdiff_t p = 0; p < panels; p++) {
      // What the next block writes: its stores would otherwise wait for their lines one by one.
      const ptrdiff_t part = count * pixel / panels;
      const Stretch next = responses.streams ? Stretch{} : Stretch{to + count * pixel + p * part, part};
      const float* panel = packed + p * depth * NR;
      const ptrdiff_t lda = w.stride_w * strips.tall;
      if (K - p * NR > W)
        panel_product<NV, Order::DepthContiguous>(
            strip, lda, count, panel, NR, depth,
            [=](ptrdiff_t r, const vec* sums) { responses.write<NV>(sums, to + r * pixel, p * NR); }, next);
      else
        panel_product<1, Order::DepthContiguous>(
            strip, lda, count, panel, NR, depth,
            [=](ptrdiff_t r, const vec* sums) { responses.write<1>(sums, to + r * pixel, p * NR); }, next);
    }
    if (responses.streams) stream_fence();
  }
}

}  // namespace native
