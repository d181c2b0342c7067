// The transforms of Winograd's minimal filtering F(4x4, 3x3) (Lavin & Gray 2015), W channels at a time:
// Y = A^T [(G g G^T) * (B^T d B)] A, with d a 6x6 patch, g a 3x3 filter and Y 4x4 responses.
#pragma once

#include "simd.h"

namespace native {

// B^T: 6 values -> 6.
inline void transform_input(const vec* d, int stride, vec* o, int out_stride) {
  const vec d0 = d[0], d1 = d[stride], d2 = d[2 * stride];
  const vec d3 = d[3 * stride], d4 = d[4 * stride], d5 = d[5 * stride];
  const vec p = d4 - 4.f * d2, q = d3 - 4.f * d1, r = d4 - d2, s = 2.f * (d3 - d1);
  o[0] = 4.f * d0 - 5.f * d2 + d4;
  o[out_stride] = p + q;
  o[2 * out_stride] = p - q;
  o[3 * out_stride] = r + s;
  o[4 * out_stride] = r - s;
  o[5 * out_stride] = 4.f * d1 - 5.f * d3 + d5;
}

// G: 3 values -> 6.
inline void transform_filter(const vec* g, int stride, vec* o, int out_stride) {
  const vec g0 = g[0], g1 = g[stride], g2 = g[2 * stride];
  const vec even = (g0 + g2) * (1.f / 6), far = g0 * (1.f / 24) + g2 * (1.f / 6);
  const vec near_odd = g1 * (1.f / 6), far_odd = g1 * (1.f / 12);
  o[0] = g0 * .25f;
  o[out_stride] = -even - near_odd;
  o[2 * out_stride] = near_odd - even;
  o[3 * out_stride] = far + far_odd;
  o[4 * out_stride] = far - far_odd;
  o[5 * out_stride] = g2;
}

// A^T: 6 values -> 4.
inline void transform_output(const vec* m, int stride, vec* o, int out_stride) {
  const vec p = m[stride] + m[2 * stride], q = m[stride] - m[2 * stride];
  const vec r = m[3 * stride] + m[4 * stride], s = m[3 * stride] - m[4 * stride];
  o[0] = m[0] + p + r;
  o[out_stride] = q + 2.f * s;
  o[2 * out_stride] = p + 4.f * r;
  o[3 * out_stride] = q + 8.f * s + m[5 * stride];
}

// U of W filters whose taps are W floats each, position by position `plane` floats apart.
inline void transform_filter_vector(const float* taps, float* u, ptrdiff_t plane) {
  alignas(64) vec g[9], columns[18], row[6];
  for (int i = 0; i < 9; i++) g[i] = load(taps + i * W);
  for (int j = 0; j < 3; j++) transform_filter(g + j, 3, columns + j, 3);
  for (int i = 0; i < 6; i++) {
    transform_filter(columns + 3 * i, 1, row, 1);
    for (int j = 0; j < 6; j++) store(u + (6 * i + j) * plane, row[j]);
  }
}

// V of W channels of a patch whose pixels are pixel(0) to pixel(35).
template <class Pixel>
inline void transform_patch_vector(const Pixel& pixel, float* v, ptrdiff_t plane) {
  alignas(64) vec columns[36];
#pragma GCC unroll 6
  for (int j = 0; j < 6; j++) {
    vec d[6];
#pragma GCC unroll 6
    for (int i = 0; i < 6; i++) d[i] = pixel(6 * i + j);
    transform_input(d, 1, columns + j, 6);
  }
  for (int i = 0; i < 6; i++) {
    vec row[6];
    transform_input(columns + 6 * i, 1, row, 1);
    for (int j = 0; j < 6; j++) store(v + (6 * i + j) * plane, row[j]);
  }
}

// The first half of Y = A^T M A for W channels: 4 rows of 6. The M of the next vectors is fetched.
inline void transform_response_columns(const float* m, ptrdiff_t plane, vec* columns) {
  for (int j = 0; j < 6; j++) {
    vec d[6];
    for (int i = 0; i < 6; i++) {
      d[i] = load(m + (6 * i + j) * plane);
      __builtin_prefetch(m + (6 * i + j) * plane + 2 * W);
    }
    transform_output(d, 1, columns + j, 6);
  }
}

}  // namespace native
