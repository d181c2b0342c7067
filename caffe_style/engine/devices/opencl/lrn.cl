// Local response normalisation across the channels of (N, H, W, C) buffers:
// y = x s^-beta with s = k + alpha / size * (sum of squares over the `size` channels around).

#define NORMALISATION int size, float alpha, float beta, float k

inline vec power(vec s, float beta) {
  // 0.75 is what every published network uses; two square roots are several times faster than pow.
  if (beta == 0.75f) return 1 / (sqrt(s) * sqrt(sqrt(s)));
  return pow(s, (vec)(-beta));
}

// VW values of one pixel from channel c on, which may lie outside.
inline vec near(__global const float* pixel, int c, int channels) {
  if (c >= 0 && c + VW <= channels) return LOAD(pixel + c);
  float values[VW];
  for (int i = 0; i < VW; i++) values[i] = c + i >= 0 && c + i < channels ? pixel[c + i] : 0;
  return LOAD(values);
}

inline vec scale(__global const float* pixel, int c, int channels, int size, float alpha, float k) {
  vec sum = 0;
  for (int d = -(size / 2); d <= size / 2; d++) {
    const vec v = near(pixel, c + d, channels);
    sum += v * v;
  }
  return k + alpha / size * sum;
}

LINE_KERNEL void lrn(__global const float* x, __global float* y, int vectors, int channels, NORMALISATION) {
  const size_t i = get_global_id(0);
  if (i >= vectors) return;
  const int c = i % (channels / VW) * VW;
  STORE(LOAD(x + i * VW) * power(scale(x + i * VW - c, c, channels, size, alpha, k), beta), y + i * VW);
}

// dy y / s, which every channel of a window gets a share of.
LINE_KERNEL void lrn_ratio(__global const float* x, __global const float* y, __global const float* dy,
                           __global float* ratio, int vectors, int channels, NORMALISATION) {
  const size_t i = get_global_id(0);
  if (i >= vectors) return;
  const int c = i % (channels / VW) * VW;
  STORE(LOAD(dy + i * VW) * LOAD(y + i * VW) / scale(x + i * VW - c, c, channels, size, alpha, k), ratio + i * VW);
}

LINE_KERNEL void lrn_gradient(__global const float* x, __global const float* dy, __global const float* ratio,
                              __global float* dx, int vectors, int channels, NORMALISATION) {
  const size_t i = get_global_id(0);
  if (i >= vectors) return;
  const int c = i % (channels / VW) * VW;
  vec sum = 0;
  for (int d = -(size / 2); d <= size / 2; d++) sum += near(ratio + i * VW - c, c + d, channels);
  const vec direct = LOAD(dy + i * VW) * power(scale(x + i * VW - c, c, channels, size, alpha, k), beta);
  STORE(direct - 2 * alpha * beta / size * LOAD(x + i * VW) * sum, dx + i * VW);
}
