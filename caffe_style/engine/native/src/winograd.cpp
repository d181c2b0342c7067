// 3x3 convolution of stride 1 by Winograd's minimal filtering.
//
// A tile is a block of responses, its patch the input under it. For each position e of a transformed patch
// there is one matrix product M_e (tiles x K) = V_e (tiles x C) U_e (C x K).
// A thread takes a chunk of tiles through all steps, so that V and M stay in its own cache. The filters U of
// many channels do not: they are fetched from memory while the ones before them are multiplied.
#include <algorithm>

#include "convolution.h"
#include "microkernel.h"
#include "scratch.h"
#include "threads.h"
#include "winograd_transforms.h"

namespace native {
namespace {

// Planes that lie a power of two apart would all fall into the same few lines of the cache.
constexpr ptrdiff_t PLANE_GAP = 16;
constexpr ptrdiff_t AHEAD = 2;  // tiles from one whose pixels are fetched to the one worked on
constexpr ptrdiff_t PAIR = 2;   // panels of filters multiplied before their responses are transformed

constexpr ptrdiff_t FLOATS_PER_MB = 1 << 18;
constexpr ptrdiff_t FILTER_FLOATS = 19 * FLOATS_PER_MB;  // of filters at a time, where they are not kept
constexpr ptrdiff_t OWN_FLOATS = 10 * FLOATS_PER_MB;     // of V and M, of all threads together

// The tiles in a chunk. Where the filters fit into a core's cache, V and M should leave them room there;
// where they do not, each pass over them should serve many tiles.
constexpr ptrdiff_t NEAR_FILTER_FLOATS = 5 * FLOATS_PER_MB;
constexpr ptrdiff_t CHUNK_FLOATS = FLOATS_PER_MB / 4;
constexpr ptrdiff_t LEAST_TILES = 12, FEW_TILES = 24, SOME_TILES = 48, MANY_TILES = 96;

template <class Tile>
class Winograd {
  static constexpr int IN = Tile::IN, OUT = Tile::OUT;
  static constexpr ptrdiff_t POSITIONS = Tile::POSITIONS;

 public:
  Winograd(const Input& x, const Mask& mask, const Filters& filters, bool reversed, KeptPart* kept,
           const float* bias, bool relu, const Output& out, Bits* signs, ptrdiff_t pad_h, ptrdiff_t pad_w)
      : x_(x),
        mask_(mask),
        filters_(filters),
        reversed_(reversed),
        kept_(kept),
        bias_(bias),
        relu_(relu),
        out_(out),
        signs_(signs),
        streams_(out.streams()),
        pad_h_(pad_h),
        pad_w_(pad_w),
        down_(divide_up(out.height, OUT)),
        across_(divide_up(out.width, OUT)),
        tiles_(out.count * down_ * across_),
        C_(x.channels),
        ldv_(round_up(x.channels, W)),
        pairs_(divide_up(out.channels, PAIR * NR)),
        u_plane_(PAIR * NR * C_ + PLANE_GAP),
        pair_floats_(POSITIONS * u_plane_),
        chunk_(choose_chunk()),
        v_plane_(chunk_ * ldv_ + PLANE_GAP),
        m_plane_(chunk_ * LDM + PLANE_GAP) {}

  void run() {
    const std::size_t all = pairs_ * pair_floats_;
    const ptrdiff_t groups =
        kept_ ? 1 : divide_up(pairs_, std::max<ptrdiff_t>(FILTER_FLOATS / pair_floats_, 1));
    const ptrdiff_t group = divide_up(pairs_, groups), chunks = divide_up(tiles_, chunk_);
    const std::size_t u_size = kept_ ? 0 : Scratch::rounded(group * pair_floats_);
    const std::size_t own_size = Scratch::rounded(POSITIONS * (v_plane_ + m_plane_ + ldv_));
    Scratch scratch(u_size + threads() * own_size);
    const bool transformed = kept_ && kept_->floats() == all;  // a tile of another kind has another size
    float* own = scratch.take(threads() * own_size);
    float* u = kept_ ? kept_->room(all) : scratch.take(u_size);
#pragma omp parallel num_threads(threads())
    {
      const Buffers mine(own + thread_index() * own_size, *this);
      for (ptrdiff_t first = 0; first < pairs_; first += group) {
        const ptrdiff_t pairs = std::min(group, pairs_ - first);
        // Fewer chunks than threads: some share a chunk's filters, each with all of its patches.
        const ptrdiff_t shares = std::min(divide_up(threads(), chunks), pairs);
        if (!transformed) transform_filters(first, pairs, u);
#pragma omp for schedule(dynamic)
        for (ptrdiff_t unit = 0; unit < chunks * shares; unit++) {
          const ptrdiff_t tile = unit / shares * chunk_, share = unit % shares;
          const ptrdiff_t begin = pairs * share / shares, end = pairs * (share + 1) / shares;
          convolve(tile, std::min(chunk_, tiles_ - tile), first + begin, first + end,
                   u + begin * pair_floats_, mine);
        }
      }
    }
  }

 private:
  static constexpr ptrdiff_t LDM = PAIR * NR;

  // A thread's own memory.
  struct Buffers {
    float *v, *m, *patch;

    Buffers(float* at, const Winograd& w)
        : v(at), m(v + POSITIONS * w.v_plane_), patch(m + POSITIONS * w.m_plane_) {}
  };

  ptrdiff_t choose_chunk() const {
    const bool near = pairs_ * pair_floats_ <= NEAR_FILTER_FLOATS;
    const ptrdiff_t wanted =
        near ? std::clamp(CHUNK_FLOATS / (POSITIONS * ldv_), FEW_TILES, SOME_TILES) : MANY_TILES;
    const ptrdiff_t fitting = OWN_FLOATS / (threads() * POSITIONS * (ldv_ + LDM));
    const ptrdiff_t most = std::clamp(fitting, LEAST_TILES, wanted);
    // As many tiles for one thread as for the other.
    const ptrdiff_t rounds = divide_up(tiles_, most * threads());
    return std::clamp(round_up(divide_up(tiles_, rounds * threads()), 4), LEAST_TILES, most);
  }

  // Tiles first..first+n and the pairs of panels begin..end, whose U is given.
  void convolve(ptrdiff_t first, ptrdiff_t n, ptrdiff_t begin, ptrdiff_t end, const float* u,
                const Buffers& mine) const {
    for (ptrdiff_t t = 0; t < n; t++) transform_patch(first + t, mine.v + t * ldv_, mine.patch);
    for (ptrdiff_t p = begin; p < end; p++, u += pair_floats_) {
      multiply(mine.v, n, u, p, mine.m);
      for (ptrdiff_t t = 0; t < n; t++) respond(first + t, p, mine.m + t * LDM);
    }
    if (streams_) stream_fence();
  }

  // U of `count` pairs of panels from `first`, each [position][panel][input channel][NR].
  // Called by all threads together.
  void transform_filters(ptrdiff_t first, ptrdiff_t count, float* u) const {
    constexpr ptrdiff_t DEPTH = 16;  // input channels at a time: their taps lie side by side in memory
    constexpr ptrdiff_t VECTORS = PAIR * NV;
    const ptrdiff_t blocks = divide_up(C_, DEPTH);
#pragma omp for schedule(static)
    for (ptrdiff_t unit = 0; unit < count * PAIR * blocks * NV; unit++) {
      const ptrdiff_t panel = unit / NV / blocks % PAIR, pair = unit / NV / blocks / PAIR;
      const ptrdiff_t vector = panel * NV + unit % NV;
      const ptrdiff_t c0 = unit / NV % blocks * DEPTH, c1 = std::min(c0 + DEPTH, C_);
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
      for (ptrdiff_t c = c0; c < c1; c++)
        transform_filter_vector<Tile>(taps[c - c0][0], to + c * NR, u_plane_);
    }
  }

  // V of one tile. `copied` has room for a patch.
  void transform_patch(ptrdiff_t tile, float* v, float* copied) const {
    const ptrdiff_t n = tile / (down_ * across_), within = tile % (down_ * across_);
    const ptrdiff_t y = within / across_ * OUT - pad_h_, x = within % across_ * OUT - pad_w_;
    if (y < 0 || x < 0 || y + IN > x_.height || x + IN > x_.width || C_ % W) {
      copy_patch(n, y, x, copied);
      for (ptrdiff_t c = 0; c < C_; c += W)
        transform_patch_vector<Tile>([=](int i, int j) { return load(copied + (i * IN + j) * ldv_ + c); },
                                     v + c, v_plane_);
      return;
    }
    const float* from = x_.at(n, y, x);
    const Mask mask = mask_.from(from - x_.data);
    const ptrdiff_t row = x_.width * x_.pixel, pixel = x_.pixel;
    // What the next tiles of the row will read: the hardware does not see through so many streams.
    const ptrdiff_t ahead = AHEAD * OUT * pixel;
    const auto transform = [=](const Mask mask) {
      for (ptrdiff_t c = 0; c < C_; c += W)
        transform_patch_vector<Tile>(
            [=](int i, int j) {
              const ptrdiff_t at = i * row + j * pixel + c;
              if (j >= IN - OUT) {
                __builtin_prefetch(from + at + ahead);
                if (mask.responses) __builtin_prefetch(mask.responses + at + ahead);
              }
              return mask.apply(load(from + at), at);
            },
            v + c, v_plane_);
    };
    // Three loops, each without the question.
    if (mask.bits)
      transform(Mask{nullptr, mask.bits});
    else if (mask.responses)
      transform(Mask{mask.responses, nullptr});
    else
      transform(Mask{});
  }

  // A patch that reaches past the picture, or has no whole vectors, with zeros in these places.
  void copy_patch(ptrdiff_t n, ptrdiff_t top, ptrdiff_t left, float* to) const {
    for (ptrdiff_t y = top; y < top + IN; y++)
      for (ptrdiff_t x = left; x < left + IN; x++, to += ldv_) {
        const bool inside = y >= 0 && y < x_.height && x >= 0 && x < x_.width;
        const float* from = inside ? x_.at(n, y, x) : nullptr;
        for (ptrdiff_t c = 0; c < C_; c += W) {
          vec d = from ? load_upto(from + c, C_ - c) : vec{};
          if (from) d = mask_.apply(d, from - x_.data + c, C_ - c);
          store(to + c, d);
        }
      }
  }

  // M of n tiles for one pair of panels. Meanwhile the next panel and the next V_e are fetched.
  void multiply(const float* v, ptrdiff_t n, const float* u, ptrdiff_t pair, float* m) const {
    const ptrdiff_t left = out_.channels - pair * PAIR * NR;
    const ptrdiff_t panels = std::min(PAIR, divide_up(left, NR));
    for (ptrdiff_t e = 0; e < POSITIONS; e++)
      for (ptrdiff_t p = 0; p < panels; p++) {
        const float *a = v + e * v_plane_, *panel = u + e * u_plane_ + p * C_ * NR;
        float* to = m + e * m_plane_ + p * NR;
        const Stretch near{p + 1 < panels ? panel + C_ * NR : u + (e + 1) * u_plane_, C_ * NR};
        const Stretch far{a + v_plane_ + n * ldv_ * p / panels, n * ldv_ / panels};
        if (left - p * NR > W)
          panel_product<NV, Order::DepthContiguous>(
              a, ldv_, n, panel, NR, C_,
              [=](ptrdiff_t row, const vec* sums) {
                for (int i = 0; i < NV; i++) store(to + row * LDM + i * W, sums[i]);
              },
              near, far);
        else
          panel_product<1, Order::DepthContiguous>(
              a, ldv_, n, panel, NR, C_,
              [=](ptrdiff_t row, const vec* sums) { store(to + row * LDM, sums[0]); }, near, far);
      }
  }

  // The responses of one tile to one pair of panels.
  void respond(ptrdiff_t tile, ptrdiff_t pair, const float* m) const {
    const ptrdiff_t n = tile / (down_ * across_), within = tile % (down_ * across_);
    const ptrdiff_t y = within / across_ * OUT, x = within % across_ * OUT;
    const ptrdiff_t rows = std::min<ptrdiff_t>(OUT, out_.height - y);
    const ptrdiff_t columns = std::min<ptrdiff_t>(OUT, out_.width - x);
    float* corner = out_.at(n, y, x);
    for (ptrdiff_t i = 0; i < LDM && pair * LDM + i < out_.channels; i += W) {
      const ptrdiff_t k = pair * LDM + i, lanes = out_.channels - k;
      const vec bias = bias_ ? load_upto(bias_ + k, lanes) : vec{};
      transform_response_vector<Tile>(m + i, m_plane_, [&](int r, const vec* row) {
        if (r >= rows) return;
        float* to = corner + r * out_.width * out_.pixel + k;
        Bits* signs = signs_ ? signs_ + std::size_t(to - out_.data) / W : nullptr;
        for (ptrdiff_t j = 0; j < columns; j++, to += out_.pixel) {
          const vec response = relu_ ? rectified(row[j] + bias) : row[j] + bias;
          if (signs_) signs[j * std::size_t(out_.pixel) / W] = positive(response);
          if (streams_) {
            stream(to, response);
          } else {
            __builtin_prefetch(to + AHEAD * OUT * out_.pixel, 1);
            store_upto(to, response, lanes);
          }
        }
      });
    }
  }

  const Input x_;
  const Mask mask_;
  const Filters filters_;
  const bool reversed_;
  KeptPart* const kept_;
  const float* const bias_;
  const bool relu_;
  const Output out_;
  Bits* const signs_;
  const bool streams_;
  const ptrdiff_t pad_h_, pad_w_;
  const ptrdiff_t down_, across_, tiles_;  // tiles of a picture, and of all
  const ptrdiff_t C_, ldv_;
  const ptrdiff_t pairs_, u_plane_, pair_floats_;
  const ptrdiff_t chunk_;  // tiles at a time
  const ptrdiff_t v_plane_, m_plane_;
};

// How many products of transformed pixels with the filters a convolution takes. To transform the filters
// costs about as much as FILTER_TILES tiles.
template <class Tile>
ptrdiff_t products(const Output& out) {
  constexpr ptrdiff_t FILTER_TILES = 100;
  const ptrdiff_t tiles = out.count * divide_up(out.height, Tile::OUT) * divide_up(out.width, Tile::OUT);
  return (tiles + FILTER_TILES) * Tile::POSITIONS;
}

// Larger filters cost more on their way from memory than the fewer products save.
bool suits_large_tiles(ptrdiff_t channels, ptrdiff_t filters) {
  return Tile6::POSITIONS * channels * filters <= NEAR_FILTER_FLOATS;
}

}  // namespace

ptrdiff_t most_kept_floats(ptrdiff_t channels, ptrdiff_t filters) {
  const ptrdiff_t positions = suits_large_tiles(channels, filters) ? Tile6::POSITIONS : Tile4::POSITIONS;
  return positions * divide_up(filters, PAIR * NR) * (PAIR * NR * channels + PLANE_GAP);
}

void winograd(const Input& x, const Mask& mask, const Filters& filters, bool reversed, KeptPart* kept,
              const float* bias, bool relu, const Output& out, Bits* signs, ptrdiff_t pad_h, ptrdiff_t pad_w) {
  if (!out.count || !out.height || !out.width) return;
  if (suits_large_tiles(x.channels, out.channels) && products<Tile6>(out) < products<Tile4>(out))
    Winograd<Tile6>(x, mask, filters, reversed, kept, bias, relu, out, signs, pad_h, pad_w).run();
  else
    Winograd<Tile4>(x, mask, filters, reversed, kept, bias, relu, out, signs, pad_h, pad_w).run();
}

}  // namespace native
