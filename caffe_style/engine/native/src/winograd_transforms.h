// The transforms of Winograd's minimal filtering F(4x4, 3x3) (Lavin & Gray 2015), W channels at a time:
// Y = A^T [(G g G^T) * (B^T d B)] A, with d a 6x6 patch, g a 3x3 filter and Y a tile of 4x4 responses.
#pragma once

#include "simd.h"

namespace native {

constexpr int IN = 6, OUT = 4;  // edges of a patch and of a tile
constexpr ptrdiff_t POSITIONS = IN * IN;

// B^T: 6 values -> 6.
inline void transform_input(const vec* d, vec* o) {
  const vec p = d[4] - 4.f * d[2], q = d[3] - 4.f * d[1], r = d[4] - d[2], s = 2.f * (d[3] - d[1]);
  o[0] = 4.f * d[0] - 5.f * d[2] + d[4];
  o[1] = p + q;
  o[2] = p - q;
  o[3] = r + s;
  o[4] = r - s;
  o[5] = 4.f * d[1] - 5.f * d[3] + d[5];
}

// G: 3 values -> 6.
inline void transform_filter(const vec* g, vec* o) {
  const vec even = (g[0] + g[2]) * (1.f / 6), far = g[0] * (1.f / 24) + g[2] * (1.f / 6);
  const vec near_odd = g[1] * (1.f / 6), far_odd = g[1] * (1.f / 12);
  o[0] = g[0] * .25f;
  o[1] = -even - near_odd;
  o[2] = near_odd - even;
  o[3] = far + far_odd;
  o[4] = far - far_odd;
  o[5] = g[2];
}

// A^T: 6 values -> 4.
inline void transform_output(const vec* m, vec* o) {
  const vec p = m[1] + m[2], q = m[1] - m[2], r = m[3] + m[4], s = m[3] - m[4];
  o[0] = m[0] + p + r;
  o[1] = q + 2.f * s;
  o[2] = p + 4.f * r;
  o[3] = q + 8.f * s + m[5];
}

// U of W filters whose taps are W floats each, position by position `plane` floats apart.
inline void transform_filter_vector(const float* taps, float* u, ptrdiff_t plane) {
  alignas(64) vec columns[IN][3];
  for (int j = 0; j < 3; j++) {
    vec g[3], column[IN];
    for (int i = 0; i < 3; i++) g[i] = load(taps + (3 * i + j) * W);
    transform_filter(g, column);
    for (int i = 0; i < IN; i++) columns[i][j] = column[i];
  }
  for (int i = 0; i < IN; i++) {
    vec row[IN];
    transform_filter(columns[i], row);
    for (int j = 0; j < IN; j++) store(u + (IN * i + j) * plane, row[j]);
  }
}

// V of W channels of a patch whose pixels are pixel(row, column).
template <class Pixel>
inline void transform_patch_vector(const Pixel& pixel, float* v, ptrdiff_t plane) {
  alignas(64) vec columns[IN][IN];
#pragma GCC unroll 6
  for (int j = 0; j < IN; j++) {
    vec d[IN], column[IN];
#pragma GCC unroll 6
    for (int i = 0; i < IN; i++) d[i] = pixel(i, j);
    transform_input(d, column);
    for (int i = 0; i < IN; i++) columns[i][j] = column[i];
  }
  for (int i = 0; i < IN; i++) {
    vec row[IN];
    transform_input(columns[i], row);
    for (int j = 0; j < IN; j++) store(v + (IN * i + j) * plane, row[j]);
  }
}

// Y of W channels: each row of OUT responses is handed to use(index, row).
template <class Use>
inline void transform_response_vector(const float* m, ptrdiff_t plane, const Use& use) {
  alignas(64) vec columns[OUT][IN];
  for (int j = 0; j < IN; j++) {
    vec d[IN], column[OUT];
    for (int i = 0; i < IN; i++) d[i] = load(m + (IN * i + j) * plane);
    transform_output(d, column);
    for (int i = 0; i < OUT; i++) columns[i][j] = column[i];
  }
  for (int i = 0; i < OUT; i++) {
    vec row[OUT];
    transform_output(columns[i], row);
    use(i, row);
  }
}

}  // namespace native
