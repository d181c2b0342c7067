// 3x3 convolution of stride 1 by Winograd's F(4x4, 3x3): 36 multiplications where the definition needs 144.
//
// A tile is a 4x4 block of responses and the 6x6 patch of input under it. For each of the 36 positions e of
// a transformed patch there is one matrix product M_e (tiles x K) = V_e (tiles x C) U_e (C x K).
#include <algorithm>

#include "convolution.h"
#include "microkernel.h"
#include "scratch.h"
#include "threads.h"
#include "winograd_transforms.h"

namespace native {
namespace {

constexpr ptrdiff_t POSITIONS = 36;
// Planes that lie a power of two apart would all fall into the same few lines of the cache.
constexpr ptrdiff_t PLANE_GAP = 16;
constexpr ptrdiff_t AHEAD = 2;  // tiles from one whose pixels are fetched to the one worked on
constexpr ptrdiff_t PAIR = 2;   // panels of filters multiplied before their responses are transformed

constexpr ptrdiff_t FLOATS_PER_MB = 1 << 18;
constexpr ptrdiff_t FILTER_FLOATS = 10 * FLOATS_PER_MB;  // of transformed filters at a time
constexpr ptrdiff_t PATCH_FLOATS = 20 * FLOATS_PER_MB;   // of transformed patches at a time
constexpr ptrdiff_t CHUNK_FLOATS = FLOATS_PER_MB / 4;    // of patches that stay in a core's own cache

class Winograd {
 public:
  Winograd(const Input& x, const float* mask, const Filters& filters, bool reversed, const float* bias,
           bool relu, const Output& out, ptrdiff_t pad_h, ptrdiff_t pad_w)
      : x_(x),
        mask_(mask),
        filters_(filters),
        reversed_(reversed),
        bias_(bias),
        relu_(relu),
        out_(out),
        streams_(out.streams()),
        pad_h_(pad_h),
        pad_w_(pad_w),
        down_(divide_up(out.height, 4)),
        across_(divide_up(out.width, 4)),
        tiles_(out.count * down_ * across_),
        C_(x.channels),
        ldv_(round_up(x.channels, W)),
        pairs_(divide_up(out.channels, PAIR * NR)),
        u_plane_(PAIR * NR * C_ + PLANE_GAP),
        pair_floats_(POSITIONS * u_plane_) {}

  void run() {
    if (pairs_ * pair_floats_ <= FILTER_FLOATS)
      run_by_chunks();
    else
      run_by_panels();
  }

 private:
  // Few channels, many tiles: all filters are transformed first; then each thread takes a chunk of tiles
  // through all three steps within its own cache.
  void run_by_chunks() {
    const ptrdiff_t chunk = std::clamp<ptrdiff_t>(CHUNK_FLOATS / (POSITIONS * ldv_) / MR * MR, MR, 4 * MR);
    const ptrdiff_t v_plane = chunk * ldv_ + PLANE_GAP, m_plane = chunk * PAIR * NR + PLANE_GAP;
    const std::size_t u_size = pairs_ * pair_floats_;
    const std::size_t v_size = Scratch::rounded(POSITIONS * v_plane);
    const std::size_t m_size = Scratch::rounded(POSITIONS * m_plane);
    Scratch scratch(Scratch::rounded(ldv_) + Scratch::rounded(u_size) + threads() * (v_size + m_size));
    take_zeros(scratch);
    float* u = scratch.take(u_size);
    float* own = scratch.take(threads() * (v_size + m_size));
#pragma omp parallel num_threads(threads())
    {
      transform_filters(0, pairs_, u);
      float* v = own + thread_index() * (v_size + m_size);
      float* m = v + v_size;
#pragma omp for schedule(dynamic)
      for (ptrdiff_t first = 0; first < tiles_; first += chunk) {
        const ptrdiff_t n = std::min(chunk, tiles_ - first);
        for (ptrdiff_t t = 0; t < n; t++) transform_patch(first + t, v + t * ldv_, v_plane);
        for (ptrdiff_t p = 0; p < pairs_; p++)
          multiply(v, v_plane, first, n, u + p * pair_floats_, p, m, m_plane);
      }
    }
  }

  // Many channels, few tiles: the patches of a block of tiles are transformed into shared memory, and the
  // filters pass by it a group of panels at a time.
  void run_by_panels() {
    const ptrdiff_t chunk = 3 * MR;
    const ptrdiff_t block =
        std::min(round_up(tiles_, MR), std::max<ptrdiff_t>(PATCH_FLOATS / (POSITIONS * ldv_) / MR * MR, MR));
    const ptrdiff_t group = std::clamp<ptrdiff_t>(FILTER_FLOATS / pair_floats_, 1, pairs_);
    const ptrdiff_t v_plane = block * ldv_ + PLANE_GAP, m_plane = chunk * PAIR * NR + PLANE_GAP;
    const std::size_t v_size = POSITIONS * v_plane, u_size = group * pair_floats_;
    const std::size_t m_size = Scratch::rounded(POSITIONS * m_plane);
    Scratch scratch(Scratch::rounded(ldv_) + Scratch::rounded(u_size) + Scratch::rounded(v_size) +
                    threads() * m_size);
    take_zeros(scratch);
    float* u = scratch.take(u_size);
    float* v = scratch.take(v_size);
    float* own = scratch.take(threads() * m_size);
#pragma omp parallel num_threads(threads())
    {
      float* m = own + thread_index() * m_size;
      for (ptrdiff_t first = 0; first < tiles_; first += block) {
        const ptrdiff_t here = std::min(block, tiles_ - first);
#pragma omp for schedule(dynamic)
        for (ptrdiff_t t = 0; t < here; t++) transform_patch(first + t, v + t * ldv_, v_plane);
        for (ptrdiff_t p = 0; p < pairs_; p += group) {
          const ptrdiff_t pairs = std::min(group, pairs_ - p), chunks = divide_up(here, chunk);
          transform_filters(p, pairs, u);
#pragma omp for schedule(dynamic)
          for (ptrdiff_t unit = 0; unit < chunks * pairs; unit++) {
            const ptrdiff_t t = unit % chunks * chunk, q = unit / chunks;
            multiply(v + t * ldv_, v_plane, first + t, std::min(chunk, here - t), u + q * pair_floats_, p + q,
                     m, m_plane);
          }
        }
      }
    }
  }

  void take_zeros(Scratch& scratch) {
    float* zeros = scratch.take(ldv_);
    std::fill(zeros, zeros + ldv_, 0.f);
    zeros_ = zeros;
  }

  // U of `count` pairs of panels from `first`, each [position][panel][input channel][NR].
  // Called by all threads together.
  void transform_filters(ptrdiff_t first, ptrdiff_t count, float* u) const {
    constexpr ptrdiff_t DEPTH = 16;  // input channels at a time: their taps lie side by side in memory
    constexpr ptrdiff_t VECTORS = PAIR * NV;
    const ptrdiff_t blocks = divide_up(C_, DEPTH);
#pragma omp for schedule(static)
    for (ptrdiff_t unit = 0; unit < count * VECTORS * blocks; unit++) {
      const ptrdiff_t vector = unit / blocks % VECTORS, pair = unit / blocks / VECTORS;
      const ptrdiff_t c0 = unit % blocks * DEPTH, c1 = std::min(c0 + DEPTH, C_);
      const ptrdiff_t k0 = ((first + pair) * VECTORS + vector) * W;
      const ptrdiff_t lanes = std::min<ptrdiff_t>(W, out_.channels - k0);
      if (lanes <= 0) continue;
      alignas(64) float taps[DEPTH][9][W];
      if (lanes < W) std::memset(taps, 0, sizeof taps);
      for (ptrdiff_t lane = 0; lane < lanes; lane++)
        for (ptrdiff_t c = c0; c < c1; c++) {
          const float* from = filters_.at(k0 + lane, c);
          __builtin_prefetch(from + DEPTH * filters_.input_step);  // the next block's
          for (int i = 0; i < 9; i++) taps[c - c0][i][lane] = from[reversed_ ? 8 - i : i];
        }
      float* to = u + pair * pair_floats_ + vector / NV * C_ * NR + vector % NV * W;
      for (ptrdiff_t c = c0; c < c1; c++) transform_filter_vector(taps[c - c0][0], to + c * NR, u_plane_);
    }
  }

  // V of one tile, position by position `plane` floats apart.
  void transform_patch(ptrdiff_t tile, float* v, ptrdiff_t plane) const {
    const ptrdiff_t n = tile / (down_ * across_), within = tile % (down_ * across_);
    const ptrdiff_t y = within / across_ * 4 - pad_h_, x = within % across_ * 4 - pad_w_;
    const float *pixels[POSITIONS], *masks[POSITIONS];
    for (int i = 0; i < 6; i++)
      for (int j = 0; j < 6; j++) {
        const bool inside = y + i >= 0 && y + i < x_.height && x + j >= 0 && x + j < x_.width;
        const float* pixel = inside ? x_.at(n, y + i, x + j) : zeros_;
        pixels[6 * i + j] = pixel;
        masks[6 * i + j] = inside && mask_ ? mask_ + (pixel - x_.data) : pixel;
      }
    // What the next tiles of the row will read: the hardware does not see through so many streams.
    const ptrdiff_t ahead = 4 * AHEAD * x_.pixel;
    ptrdiff_t c = 0;
    if (mask_) {
      for (; c + W <= C_; c += W)
        transform_patch_vector(
            [&](int e) {
              if (e % 6 >= 2) {
                __builtin_prefetch(pixels[e] + c + ahead);
                __builtin_prefetch(masks[e] + c + ahead);
              }
              return masked(load(pixels[e] + c), load(masks[e] + c));
            },
            v + c, plane);
    } else {
      for (; c + W <= C_; c += W)
        transform_patch_vector(
            [&](int e) {
              if (e % 6 >= 2) __builtin_prefetch(pixels[e] + c + ahead);
              return load(pixels[e] + c);
            },
            v + c, plane);
    }
    if (c < C_)
      transform_patch_vector(
          [&](int e) {
            const vec d = load_first(pixels[e] + c, C_ - c);
            return mask_ ? masked(d, load_first(masks[e] + c, C_ - c)) : d;
          },
          v + c, plane);
  }

  static vec masked(vec d, vec mask) { return select(mask > vec{}, d, vec{}); }

  // M of n tiles for one pair of panels, and from it their responses.
  void multiply(const float* v, ptrdiff_t v_plane, ptrdiff_t first_tile, ptrdiff_t n, const float* u,
                ptrdiff_t pair, float* m, ptrdiff_t m_plane) const {
    constexpr ptrdiff_t ldm = PAIR * NR;
    const ptrdiff_t k = pair * PAIR * NR, left = out_.channels - k;
    for (ptrdiff_t e = 0; e < POSITIONS; e++)
      for (ptrdiff_t p = 0; p < PAIR && p * NR < left; p++) {
        const float* panel = u + e * u_plane_ + p * C_ * NR;
        float* to = m + e * m_plane + p * NR;
        if (left - p * NR > W)
          panel_product<NV, Order::DepthContiguous>(v + e * v_plane, ldv_, n, panel, NR, C_,
                                                    [=](ptrdiff_t row, const vec* sums) {
                                                      for (int i = 0; i < NV; i++)
                                                        store(to + row * ldm + i * W, sums[i]);
                                                    });
        else
          panel_product<1, Order::DepthContiguous>(
              v + e * v_plane, ldv_, n, panel, NR, C_,
              [=](ptrdiff_t row, const vec* sums) { store(to + row * ldm, sums[0]); });
      }
    for (ptrdiff_t t = 0; t < n; t++)
      for (ptrdiff_t i = 0; i < std::min(left, ldm); i += W)
        transform_responses(first_tile + t, k + i, m + t * ldm + i, m_plane);
    if (streams_) stream_fence();
  }

  // W channels from k of one tile's responses.
  void transform_responses(ptrdiff_t tile, ptrdiff_t k, const float* m, ptrdiff_t plane) const {
    alignas(64) vec columns[24];
    transform_response_columns(m, plane, columns);
    const ptrdiff_t n = tile / (down_ * across_), within = tile % (down_ * across_);
    const ptrdiff_t y = within / across_ * 4, x = within % across_ * 4;
    const ptrdiff_t rows = std::min<ptrdiff_t>(4, out_.height - y);
    const ptrdiff_t cols = std::min<ptrdiff_t>(4, out_.width - x);
    const ptrdiff_t lanes = out_.channels - k;
    const vec bias = bias_ ? load_upto(bias_ + k, lanes) : vec{};
    for (ptrdiff_t i = 0; i < rows; i++) {
      vec row[4];
      transform_output(columns + 6 * i, 1, row, 1);
      float* to = out_.at(n, y + i, x) + k;
      for (ptrdiff_t j = 0; j < cols; j++, to += out_.pixel) {
        const vec response = relu_ ? rectified(row[j] + bias) : row[j] + bias;
        if (streams_) {
          stream(to, response);
        } else {
          __builtin_prefetch(to + 4 * AHEAD * out_.pixel, 1);
          store_upto(to, response, lanes);
        }
      }
    }
  }

  const Input x_;
  const float* const mask_;
  const Filters filters_;
  const bool reversed_;
  const float* const bias_;
  const bool relu_;
  const Output out_;
  const bool streams_;
  const ptrdiff_t pad_h_, pad_w_;
  const ptrdiff_t down_, across_, tiles_;  // tiles of a picture, and of all
  const ptrdiff_t C_, ldv_;
  const ptrdiff_t pairs_, u_plane_, pair_floats_;
  const float* zeros_ = nullptr;  // a pixel outside the picture
};

}  // namespace

void winograd(const Input& x, const float* mask, const Filters& filters, bool reversed, const float* bias,
              bool relu, const Output& out, ptrdiff_t pad_h, ptrdiff_t pad_w) {
  Winograd(x, mask, filters, reversed, bias, relu, out, pad_h, pad_w).run();
}

}  // namespace native
