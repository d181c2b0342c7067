// 3x3 convolution of stride 1 by Winograd's minimal filtering F(4x4, 3x3) (Lavin & Gray 2015):
// Y = A^T [(G g G^T) * (B^T d B)] A, with d a 6x6 patch, g a 3x3 filter and Y 4x4 responses. For each of the
// 36 positions of a transformed patch there is one matrix product, M (tiles x K) = V (tiles x C) U (C x K).

// B^T: 6 values -> 6.
inline void transform_input(const vec* d, vec* o, int step) {
  const vec p = d[4] - 4 * d[2], q = d[3] - 4 * d[1], r = d[4] - d[2], s = 2 * (d[3] - d[1]);
  o[0] = 4 * d[0] - 5 * d[2] + d[4];
  o[step] = p + q;
  o[2 * step] = p - q;
  o[3 * step] = r + s;
  o[4 * step] = r - s;
  o[5 * step] = 4 * d[1] - 5 * d[3] + d[5];
}

// A^T: 6 values -> 4.
inline void transform_output(const vec* m, vec* o, int step) {
  const vec p = m[1] + m[2], q = m[1] - m[2], r = m[3] + m[4], s = m[3] - m[4];
  o[0] = m[0] + p + r;
  o[step] = q + 2 * s;
  o[2 * step] = p + 4 * r;
  o[3 * step] = q + 8 * s + m[5];
}

// G: 3 values -> 6.
inline void transform_filter(const float* g, float* o, int step) {
  const float even = (g[0] + g[2]) / 6, odd = g[1] / 6;
  const float far_even = g[0] / 24 + g[2] / 6, far_odd = g[1] / 12;
  o[0] = g[0] / 4;
  o[step] = -even - odd;
  o[2 * step] = odd - even;
  o[3 * step] = far_even + far_odd;
  o[4 * step] = far_even - far_odd;
  o[5 * step] = g[2];
}

// U of one group's filters: [position][panel][input channel][PANEL], zeros behind the last of `outputs`.
LINE_KERNEL void winograd_filters(__global const float* weights, int offset, int inputs, int outputs,
                                  int input_step, int output_step, int reversed, __global float* u,
                                  int u_offset, int padded_outputs) {
  const size_t i = get_global_id(0);
  if (i >= (size_t)inputs * padded_outputs) return;
  const int c = i / padded_outputs, k = i % padded_outputs;
  float taps[3][3] = {{0}}, columns[6][3], row[6];
  if (k < outputs)
    for (int t = 0; t < 9; t++) {
      const float tap = weights[offset + (size_t)c * input_step + (size_t)k * output_step + t];
      const int at = reversed ? 8 - t : t;
      taps[at % 3][at / 3] = tap;
    }
  for (int j = 0; j < 3; j++) transform_filter(taps[j], &columns[0][j], 3);
  const size_t plane = (size_t)inputs * padded_outputs;
  u += u_offset + ((size_t)(k / PANEL) * inputs + c) * PANEL + k % PANEL;
  for (int e = 0; e < 6; e++) {
    transform_filter(columns[e], row, 1);
    for (int j = 0; j < 6; j++) u[(6 * e + j) * plane] = row[j];
  }
}

#ifdef MASK
#define PIXEL(at) (LOAD(mask + (at)) > 0 ? LOAD(x + (at)) : (vec)0)
#else
#define PIXEL(at) LOAD(x + (at))
#endif

// B^T d, where a patch's pixel in row e and column j counts as zero unless `inside`.
#define COLUMNS(inside)                                                                      \
  _Pragma("unroll") for (int j = 0; j < 6; j++) {                                            \
    vec d[6];                                                                                \
    _Pragma("unroll") for (int e = 0; e < 6; e++) d[e] = (inside) ? PIXEL((e * width + j) * pixel) : (vec)0; \
    transform_input(d, columns + j, 6);                                                      \
  }

// V of `tiles` tiles from first_tile on: [position][tile][channel], positions `plane` apart.
LINE_KERNEL void winograd_patches(__global const float* restrict x, __global const float* restrict mask,
                                  int offset, int pixel, int channels, int height, int width, int pad_h,
                                  int pad_w, int down, int across, int first_tile, int tiles,
                                  __global float* restrict v, int plane) {
  const size_t i = get_global_id(0);
  const int t = i / (channels / VW), c = i % (channels / VW) * VW;
  if (t >= tiles) return;
  const int tile = first_tile + t, within = tile % (down * across);
  const size_t n = tile / (down * across);
  const int top = within / across * 4 - pad_h, left = within % across * 4 - pad_w;
  x += ((n * height + top) * width + left) * pixel + offset + c;
  mask += ((n * height + top) * width + left) * pixel + offset + c;
  vec columns[36];
  if (top >= 0 && left >= 0 && top + 6 <= height && left + 6 <= width) {
    COLUMNS(true)
  } else {
    COLUMNS(top + e >= 0 && top + e < height && left + j >= 0 && left + j < width)
  }
  v += (size_t)t * channels + c;
#pragma unroll
  for (int e = 0; e < 6; e++) {
    vec row[6];
    transform_input(columns + 6 * e, row, 1);
#pragma unroll
    for (int j = 0; j < 6; j++) STORE(row[j], v + (size_t)(6 * e + j) * plane);
  }
}

// The responses of these tiles from M: [position][tile][m_row], positions `plane` apart.
LINE_KERNEL void winograd_responses(__global const float* restrict m, int m_row, int plane,
                                    __global const float* restrict bias, __global float* restrict y,
                                    int offset, int pixel, int channels, int height, int width, int down,
                                    int across, int first_tile, int tiles) {
  const size_t i = get_global_id(0);
  const int t = i / (channels / VW), c = i % (channels / VW) * VW;
  if (t >= tiles) return;
  m += (size_t)t * m_row + c;
  vec columns[24];
#pragma unroll
  for (int j = 0; j < 6; j++) {
    vec d[6];
#pragma unroll
    for (int e = 0; e < 6; e++) d[e] = LOAD(m + (size_t)(6 * e + j) * plane);
    transform_output(d, columns + j, 6);
  }
  const int tile = first_tile + t, within = tile % (down * across);
  const size_t n = tile / (down * across);
  const int top = within / across * 4, left = within % across * 4;
#ifdef BIAS
  const vec shift = LOAD(bias + offset + c);
#endif
#pragma unroll
  for (int e = 0; e < 4; e++) {
    vec row[4];
    transform_output(columns + 6 * e, row, 1);
#pragma unroll
    for (int j = 0; j < 4; j++) {
      vec value = row[j];
#ifdef BIAS
      value += shift;
#endif
#ifdef RELU
      value = rectified(value);
#endif
      if (top + e < height && left + j < width)
        STORE(value, y + ((n * height + top + e) * width + left + j) * pixel + offset + c);
    }
  }
}
