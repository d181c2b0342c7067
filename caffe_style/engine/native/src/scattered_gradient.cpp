// The gradient to an input of few channels (a picture's three): where the gather form would leave most lanes
// of a vector empty, dy (pixels x K) times the filters (K x taps * C) fills them. The columns that come out
// are added up (col2im) along the row first, then down.
//
// Each thread owns a stripe of dx's rows and makes the sums of every row of dy that reaches into it; the
// order of additions does not depend on the number of threads.
#include <algorithm>
#include <vector>

#include "convolution.h"
#include "microkernel.h"
#include "scratch.h"
#include "threads.h"

namespace native {
namespace {

constexpr ptrdiff_t BLOCK = 4 * MR;  // pixels of dy at a time

class Scatter {
 public:
  Scatter(const Input& dy, const Mask& mask, const float* weights, const Output& dx, const Window& w)
      : dy_(dy),
        mask_(mask),
        weights_(weights),
        dx_(dx),
        w_(w),
        C_(dx.channels),
        K_(dy.channels),
        tall_(w.kernel_h * C_),
        panels_(divide_up(w.kernel_w * tall_, NR)),
        ld_(panels_ * NR + W),
        row_floats_(dx.width * tall_ + W),
        rows_(divide_up(w.kernel_h, w.stride_h)) {}

  void run() {
    const std::size_t packed_size = Scratch::rounded(panels_ * K_ * NR);
    const std::size_t dy_size = Scratch::rounded(BLOCK * (round_up(K_, W) + W));
    const std::size_t columns_size = Scratch::rounded(dy_.width * ld_ + W);
    const std::size_t own_size = dy_size + columns_size + Scratch::rounded(rows_ * row_floats_);
    Scratch scratch(packed_size + threads() * own_size);
    float* packed = scratch.take(packed_size);
    float* own = scratch.take(threads() * own_size);
    pack(packed);
    const ptrdiff_t stripes = std::min<ptrdiff_t>(threads(), dx_.height);
#pragma omp parallel for num_threads(threads()) schedule(static)
    for (ptrdiff_t unit = 0; unit < dx_.count * stripes; unit++) {
      const ptrdiff_t n = unit / stripes, i = unit % stripes;
      float* mine = own + thread_index() * own_size;
      stripe(n, dx_.height * i / stripes, dx_.height * (i + 1) / stripes, packed, mine, mine + dy_size,
             mine + dy_size + columns_size);
    }
  }

 private:
  // [panel][K][NR]; a pixel's columns are ordered by the tap's column, its row, and the channel.
  void pack(float* packed) const {
    const ptrdiff_t taps = w_.kernel_h * w_.kernel_w;
    for (ptrdiff_t k = 0; k < K_; k++)
      for (ptrdiff_t j = 0; j < panels_ * NR; j++) {
        const ptrdiff_t kx = j / tall_, ky = j % tall_ / C_, c = j % C_;
        packed[(j / NR * K_ + k) * NR + j % NR] =
            kx < w_.kernel_w ? weights_[(k * C_ + c) * taps + ky * w_.kernel_w + kx] : 0;
      }
  }

  // Rows y0..y1 of dx. The sums of the last rows of dy stay in `sums`, where row oy has the place oy % rows_.
  void stripe(ptrdiff_t n, ptrdiff_t y0, ptrdiff_t y1, const float* packed, float* rectified_dy,
              float* columns, float* sums) const {
    ptrdiff_t next = std::max<ptrdiff_t>(divide_up(y0 + w_.pad_h - w_.kernel_h + 1, w_.stride_h), 0);
    for (ptrdiff_t y = y0; y < y1; y++) {
      for (; next < dy_.height && next * w_.stride_h <= y + w_.pad_h; next++) {
        multiply(n, next, packed, rectified_dy, columns);
        add_along_row(columns, sums + next % rows_ * row_floats_);
      }
      add_down(n, y, sums);
    }
  }

  // The columns of one row of dy.
  void multiply(ptrdiff_t n, ptrdiff_t oy, const float* packed, float* rectified_dy, float* columns) const {
    for (ptrdiff_t first = 0; first < dy_.width; first += BLOCK) {
      const ptrdiff_t count = std::min(BLOCK, dy_.width - first);
      const float* a = dy_.at(n, oy, first);
      ptrdiff_t lda = dy_.pixel;
      // The next block's pixels.
      const Stretch near{a + count * lda, count * lda / panels_};
      const float* responses = mask_.from(near.at - dy_.data).responses;
      const Stretch far = responses ? Stretch{responses, near.floats} : near;
      if (mask_) {
        rectify(a, count, rectified_dy);
        a = rectified_dy;
        lda = round_up(K_, W) + W;
      }
      for (ptrdiff_t p = 0; p < panels_; p++) {
        float* to = columns + first * ld_ + p * NR;
        const auto part = [=](Stretch s) { return Stretch{s.at + p * s.floats, s.floats}; };
        panel_product<NV, Order::DepthContiguous>(
            a, lda, count, packed + p * K_ * NR, NR, K_,
            [=](ptrdiff_t r, const vec* products) {
              for (int v = 0; v < NV; v++) store(to + r * ld_ + v * W, products[v]);
            },
            part(near), part(far));
      }
    }
  }

  void rectify(const float* dy, ptrdiff_t count, float* to) const {
    const Mask mask = mask_.from(dy - dy_.data);
    for (ptrdiff_t i = 0; i < count; i++, to += round_up(K_, W) + W)
      for (ptrdiff_t k = 0, at = i * dy_.pixel; k < K_; k += W, at += W)
        store(to + k, mask.apply(load_upto(dy + at, K_ - k), at, K_ - k));
  }

  // The columns of a row of dy, added up for each pixel of a row of dx: its taps' rows and channels remain.
  void add_along_row(const float* columns, float* sums) const {
    const ptrdiff_t stride = w_.stride_w, step = stride * tall_ - ld_, last = dy_.width - 1;
    // The pixel is met by tap `kx` of pixel `ox` of dy, by tap kx + stride of the one before, and so on.
    ptrdiff_t ox = w_.pad_w / stride, kx = w_.pad_w % stride;
    for (ptrdiff_t x = 0; x < dx_.width; x++, sums += tall_) {
      const ptrdiff_t beyond = std::max<ptrdiff_t>(ox - last, 0), first = kx + beyond * stride;
      const ptrdiff_t end = std::min(w_.kernel_w, kx + ox * stride + 1);
      const float* from = columns + (ox - beyond) * ld_ + first * tall_;
      // The last vector reaches into the next pixel's place, which is written after it.
      for (ptrdiff_t i = 0; i < tall_; i += W) {
        vec sum = {};
        const float* at = from + i;
        for (ptrdiff_t tap = first; tap < end; tap += stride, at += step) sum += load(at);
        store(sums + i, sum);
      }
      if (++kx == stride) kx = 0, ox++;
    }
  }

  // A row of dx from the sums of the rows of dy that reach it.
  void add_down(ptrdiff_t n, ptrdiff_t y, const float* sums) const {
    std::vector<const float*> rows;
    for (ptrdiff_t ky = (y + w_.pad_h) % w_.stride_h; ky < w_.kernel_h; ky += w_.stride_h) {
      const ptrdiff_t oy = (y + w_.pad_h - ky) / w_.stride_h;
      if (y + w_.pad_h >= ky && oy < dy_.height) rows.push_back(sums + oy % rows_ * row_floats_ + ky * C_);
    }
    float* to = dx_.at(n, y, 0);
    for (ptrdiff_t x = 0; x < dx_.width; x++, to += dx_.pixel) {
      four sum = {};
      for (const float* row : rows) sum += load_four(row + x * tall_);
      if (dx_.pixel == C_ && (dx_.width - x) * C_ >= 4)
        store_four(to, sum);  // behind the pixel lie the next ones, which are written after it
      else
        for (ptrdiff_t c = 0; c < C_; c++) to[c] = sum[c];
    }
  }

  const Input& dy_;
  const Mask mask_;
  const float* const weights_;
  const Output& dx_;
  const Window& w_;
  const ptrdiff_t C_, K_;
  const ptrdiff_t tall_;         // floats of a column of taps
  const ptrdiff_t panels_, ld_;  // of a pixel's columns; floats from one pixel's to the next's
  const ptrdiff_t row_floats_, rows_;
};

}  // namespace

void scattered_input_gradient(const Input& dy, const Mask& mask, const float* weights, const Output& dx,
                              const Window& w) {
  Scatter(dy, mask, weights, dx, w).run();
}

}  // namespace native
