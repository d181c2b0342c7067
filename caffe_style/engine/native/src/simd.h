// Vectors of floats as wide as the instruction set this file is compiled for.
// GCC and clang vector extensions: one source for AVX-512, AVX2, SSE and NEON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#endif

namespace native {

using std::ptrdiff_t;

#if defined(__AVX512F__)
constexpr int W = 16;   // floats in a vector
constexpr int MR = 12;  // rows of a register block: 12 x 2 accumulators of the 32 registers
#elif defined(__AVX__)
constexpr int W = 8;
constexpr int MR = 6;  // 6 x 2 of 16 registers
#elif defined(__aarch64__)
constexpr int W = 4;
constexpr int MR = 12;
#else
constexpr int W = 4;
constexpr int MR = 6;
#endif

constexpr int NV = 2;       // vectors across a full panel
constexpr int NR = NV * W;  // columns of a full panel

typedef float vec __attribute__((vector_size(4 * W), aligned(4), may_alias));
typedef int32_t ivec __attribute__((vector_size(4 * W), aligned(4), may_alias));

inline vec load(const float* p) { return *(const vec*)p; }
inline void store(float* p, vec v) { *(vec*)p = v; }
inline vec splat(float x) { return x - vec{}; }
inline ivec splat(int32_t x) { return x - ivec{}; }
inline vec select(ivec mask, vec a, vec b) { return mask ? a : b; }
inline ivec select(ivec mask, ivec a, ivec b) { return mask ? a : b; }

// max(v, 0) that lets NaN through, as std::max(v, 0) in Caffe does.
inline vec rectified(vec v) { return select(v < vec{}, vec{}, v); }

// A bit for each lane of a vector, and what they are for: the lanes that are positive, and 0 in the others.
#if defined(__AVX512F__)
typedef std::uint16_t Bits;
inline Bits positive(vec v) { return _mm512_cmp_ps_mask((__m512)v, _mm512_setzero_ps(), _CMP_GT_OQ); }
inline vec where(Bits bits, vec v) { return (vec)_mm512_maskz_mov_ps(bits, (__m512)v); }
#else
typedef std::uint8_t Bits;
inline Bits positive(vec v) {
#if defined(__AVX2__)
  return _mm256_movemask_ps(_mm256_cmp_ps((__m256)v, _mm256_setzero_ps(), _CMP_GT_OQ));
#else
  int bits = 0;
  for (int i = 0; i < W; i++) bits |= (v[i] > 0) << i;
  return bits;
#endif
}
inline vec where(Bits bits, vec v) {
  ivec lane;
  for (int i = 0; i < W; i++) lane[i] = 1 << i;
  return select((splat(int32_t(bits)) & lane) != ivec{}, v, vec{});
}
#endif

// Stores past the caches, for what is too large to be found there again: no line is read first to be
// overwritten. Only where a vector is a whole cache line, aligned; stream_fence() before another thread
// reads.
constexpr bool CAN_STREAM = W == 16;
inline void stream(float* p, vec v) {
#if defined(__AVX512F__)
  _mm512_stream_ps(p, (__m512)v);
#else
  store(p, v);
#endif
}
inline void stream_fence() {
#if defined(__AVX512F__)
  _mm_sfence();
#endif
}

// The first n < W floats at p, zeros behind them; nothing beyond them is touched.
inline vec load_first(const float* p, ptrdiff_t n) {
#if defined(__AVX512F__)
  return (vec)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), p);
#else
  vec v = {};
  for (ptrdiff_t i = 0; i < n; i++) v[i] = p[i];
  return v;
#endif
}

inline void store_first(float* p, vec v, ptrdiff_t n) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1), (__m512)v);
#else
  for (ptrdiff_t i = 0; i < n; i++) p[i] = v[i];
#endif
}

inline vec load_upto(const float* p, ptrdiff_t n) { return n >= W ? load(p) : load_first(p, n); }
inline void store_upto(float* p, vec v, ptrdiff_t n) {
  if (n >= W)
    store(p, v);
  else
    store_first(p, v, n);
}

// A pixel of up to four channels, with what lies behind it.
typedef float four __attribute__((vector_size(16), aligned(4), may_alias));
inline four load_four(const float* p) { return *(const four*)p; }
inline void store_four(float* p, four v) { *(four*)p = v; }

inline ptrdiff_t round_up(ptrdiff_t n, ptrdiff_t to) { return (n + to - 1) / to * to; }
inline ptrdiff_t divide_up(ptrdiff_t n, ptrdiff_t by) { return (n + by - 1) / by; }

}  // namespace native
