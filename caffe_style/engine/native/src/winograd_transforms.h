// The transforms of Winograd's minimal filtering (Lavin & Gray 2015), W channels at a time:
// Y = A^T [(G g G^T) * (B^T d B)] A, with d a patch of the input, g a 3x3 filter and Y a tile of responses.
//
// Tile4 is F(4x4, 3x3): 36 multiplications where the definition needs 144. Its points are 0, 1, -1, 2 and -2.
// Tile6 is F(6x6, 3x3): 64 where it needs 324, with the points 1/2 and -1/2, too. Its rounding errors are
// twice as large, and so are, nearly, its filters.
#pragma once

#include "simd.h"

namespace native {

struct Tile4 {
  static constexpr int IN = 6, OUT = 4;  // edges of a patch and of a tile
  static constexpr ptrdiff_t POSITIONS = IN * IN;

  // B^T: 6 values -> 6.
  static void input(const vec* d, vec* o) {
    const vec p = d[4] - 4.f * d[2], q = d[3] - 4.f * d[1], r = d[4] - d[2], s = 2.f * (d[3] - d[1]);
    o[0] = 4.f * d[0] - 5.f * d[2] + d[4];
    o[1] = p + q;
    o[2] = p - q;
    o[3] = r + s;
    o[4] = r - s;
    o[5] = 4.f * d[1] - 5.f * d[3] + d[5];
  }

  // G: 3 values -> 6.
  static void filter(const vec* g, vec* o) {
    const vec even = (g[0] + g[2]) * (1.f / 6), odd = g[1] * (1.f / 6);
    const vec far_even = g[0] * (1.f / 24) + g[2] * (1.f / 6), far_odd = g[1] * (1.f / 12);
    o[0] = g[0] * .25f;
    o[1] = -even - odd;
    o[2] = odd - even;
    o[3] = far_even + far_odd;
    o[4] = far_even - far_odd;
    o[5] = g[2];
  }

  // A^T: 6 values -> 4.
  static void output(const vec* m, vec* o) {
    const vec p = m[1] + m[2], q = m[1] - m[2], r = m[3] + m[4], s = m[3] - m[4];
    o[0] = m[0] + p + r;
    o[1] = q + 2.f * s;
    o[2] = p + 4.f * r;
    o[3] = q + 8.f * s + m[5];
  }
};

struct Tile6 {
  static constexpr int IN = 8, OUT = 6;
  static constexpr ptrdiff_t POSITIONS = IN * IN;

  // B^T: 8 values -> 8.
  static void input(const vec* d, vec* o) {
    const vec p = d[2] + d[6] - 4.25f * d[4], q = d[1] + d[5] - 4.25f * d[3];
    const vec r = d[6] + .25f * d[2] - 1.25f * d[4], s = .5f * d[1] - 2.5f * d[3] + 2.f * d[5];
    const vec t = d[6] + 4.f * d[2] - 5.f * d[4], u = 2.f * d[1] - 2.5f * d[3] + .5f * d[5];
    o[0] = d[0] - d[6] + 5.25f * (d[4] - d[2]);
    o[1] = p + q;
    o[2] = p - q;
    o[3] = r + s;
    o[4] = r - s;
    o[5] = t + u;
    o[6] = t - u;
    o[7] = d[7] - d[1] + 5.25f * (d[3] - d[5]);
  }

  // G: 3 values -> 8.
  static void filter(const vec* g, vec* o) {
    const vec even = (g[0] + g[2]) * (2.f / 9), odd = g[1] * (2.f / 9);
    const vec far_even = g[0] * (1.f / 90) + g[2] * (4.f / 90), far_odd = g[1] * (2.f / 90);
    const vec near_even = g[0] * (32.f / 45) + g[2] * (8.f / 45), near_odd = g[1] * (16.f / 45);
    o[0] = g[0];
    o[1] = -even - odd;
    o[2] = odd - even;
    o[3] = far_even + far_odd;
    o[4] = far_even - far_odd;
    o[5] = near_even + near_odd;
    o[6] = near_even - near_odd;
    o[7] = g[2];
  }

  // A^T: 8 values -> 6.
  static void output(const vec* m, vec* o) {
    const vec p = m[1] + m[2], q = m[1] - m[2], r = m[3] + m[4];
    const vec s = m[3] - m[4], t = m[5] + m[6], u = m[5] - m[6];
    o[0] = m[0] + p + r + t;
    o[1] = q + 2.f * s + .5f * u;
    o[2] = p + 4.f * r + .25f * t;
    o[3] = q + 8.f * s + .125f * u;
    o[4] = p + 16.f * r + .0625f * t;
    o[5] = q + 32.f * s + .03125f * u + m[7];
  }
};

// U of W filters whose taps are W floats each, position by position `plane` floats apart.
template <class Tile>
inline void transform_filter_vector(const float* taps, float* u, ptrdiff_t plane) {
  constexpr int IN = Tile::IN;
  alignas(64) vec columns[IN][3];
  for (int j = 0; j < 3; j++) {
    vec g[3], column[IN];
    for (int i = 0; i < 3; i++) g[i] = load(taps + (3 * i + j) * W);
    Tile::filter(g, column);
    for (int i = 0; i < IN; i++) columns[i][j] = column[i];
  }
  for (int i = 0; i < IN; i++) {
    vec row[IN];
    Tile::filter(columns[i], row);
    for (int j = 0; j < IN; j++) store(u + (IN * i + j) * plane, row[j]);
  }
}

// V of W channels of a patch whose pixels are pixel(row, column).
template <class Tile, class Pixel>
inline void transform_patch_vector(const Pixel& pixel, float* v, ptrdiff_t plane) {
  constexpr int IN = Tile::IN;
  alignas(64) vec columns[IN][IN];
#pragma GCC unroll 8
  for (int j = 0; j < IN; j++) {
    vec d[IN], column[IN];
#pragma GCC unroll 8
    for (int i = 0; i < IN; i++) d[i] = pixel(i, j);
    Tile::input(d, column);
    for (int i = 0; i < IN; i++) columns[i][j] = column[i];
  }
  for (int i = 0; i < IN; i++) {
    vec row[IN];
    Tile::input(columns[i], row);
    for (int j = 0; j < IN; j++) store(v + (IN * i + j) * plane, row[j]);
  }
}

// Y of W channels, row by row handed to use(row's index, its OUT responses).
template <class Tile, class Use>
inline void transform_response_vector(const float* m, ptrdiff_t plane, const Use& use) {
  constexpr int IN = Tile::IN, OUT = Tile::OUT;
  alignas(64) vec columns[OUT][IN];
  for (int j = 0; j < IN; j++) {
    vec d[IN], column[OUT];
    for (int i = 0; i < IN; i++) d[i] = load(m + (IN * i + j) * plane);
    Tile::output(d, column);
    for (int i = 0; i < OUT; i++) columns[i][j] = column[i];
  }
  for (int i = 0; i < OUT; i++) {
    vec row[OUT];
    Tile::output(columns[i], row);
    use(i, row);
  }
}

}  // namespace native
