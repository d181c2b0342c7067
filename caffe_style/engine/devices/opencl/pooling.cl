// Pooling of (N, H, W, C) buffers in Caffe's windows: padding counts in a mean, the overhang beyond it does not.

typedef struct {
  int begin, end;  // what the window covers of the picture
  int padded;      // with its padding
} Span;

inline Span span(int index, int size, int kernel_size, int stride, int pad) {
  Span s;
  s.begin = index * stride - pad;
  s.end = min(s.begin + kernel_size, size + pad);
  s.padded = s.end - s.begin;
  s.begin = max(s.begin, 0);
  s.end = min(s.end, size);
  return s;
}

// The windows that may cover a place: from the first to the one behind the last.
inline int first_window(int place, int kernel_size, int stride, int pad) {
  const int reach = place + pad - kernel_size + 1;
  return reach > 0 ? (reach + stride - 1) / stride : 0;
}
inline int end_window(int place, int count, int stride, int pad) { return min((place + pad) / stride + 1, count); }

#define WINDOW int height, int width, int pooled_h, int pooled_w, int channels, int kernel_h, int kernel_w, \
               int stride_h, int stride_w, int pad_h, int pad_w

// This work-item's vector of channels c at (n, row, column) of a buffer of so many rows and columns.
#define PLACE(rows, columns)                                                     \
  const size_t i = get_global_id(0);                                             \
  if (i >= places) return;                                                       \
  const int c = i % (channels / VW) * VW, column = i / (channels / VW) % (columns); \
  const int row = i / (channels / VW) / (columns) % (rows);                      \
  const size_t n = i / (channels / VW) / (columns) / (rows)

LINE_KERNEL void average(__global const float* x, __global float* y, int places, WINDOW) {
  PLACE(pooled_h, pooled_w);
  const Span ys = span(row, height, kernel_h, stride_h, pad_h);
  const Span xs = span(column, width, kernel_w, stride_w, pad_w);
  vec sum = 0;
  for (int v = ys.begin; v < ys.end; v++)
    for (int u = xs.begin; u < xs.end; u++)
      sum += LOAD(x + ((n * height + v) * width + u) * channels + c);
  // As in Caffe not a number where a window lies wholly beyond the picture and its padding.
  STORE(sum / (float)(ys.padded * xs.padded), y + i * VW);
}

LINE_KERNEL void average_gradient(__global const float* dy, __global float* dx, int places, WINDOW) {
  PLACE(height, width);
  vec sum = 0;
  const int last_y = end_window(row, pooled_h, stride_h, pad_h);
  const int last_x = end_window(column, pooled_w, stride_w, pad_w);
  for (int v = first_window(row, kernel_h, stride_h, pad_h); v < last_y; v++)
    for (int u = first_window(column, kernel_w, stride_w, pad_w); u < last_x; u++) {
      const int area = span(v, height, kernel_h, stride_h, pad_h).padded *
                       span(u, width, kernel_w, stride_w, pad_w).padded;
      sum += LOAD(dy + ((n * pooled_h + v) * pooled_w + u) * channels + c) / (float)area;
    }
  STORE(sum, dx + i * VW);
}

// The first maximum of each window; with WINNER which of the window's places holds it, -1 for none.
LINE_KERNEL void maximum(__global const float* x,
#ifdef WINNER
                         __global int* winner,
#else
                         __global float* y,
#endif
                         int places, WINDOW) {
  PLACE(pooled_h, pooled_w);
  const Span ys = span(row, height, kernel_h, stride_h, pad_h);
  const Span xs = span(column, width, kernel_w, stride_w, pad_w);
  vec best = -FLT_MAX;
  ivec where = -1;
  for (int v = ys.begin; v < ys.end; v++)
    for (int u = xs.begin; u < xs.end; u++) {
      const vec value = LOAD(x + ((n * height + v) * width + u) * channels + c);
#ifdef WINNER
      where = value > best ? (ivec)(v * width + u) : where;
#endif
      best = value > best ? value : best;
    }
#ifdef WINNER
  STORE(where, winner + i * VW);
#else
  STORE(best, y + i * VW);
#endif
}

LINE_KERNEL void maximum_gradient(__global const int* winner, __global const float* dy, __global float* dx,
                                  int places, WINDOW) {
  PLACE(height, width);
  vec sum = 0;
  const ivec here = row * width + column;
  const int last_y = end_window(row, pooled_h, stride_h, pad_h);
  const int last_x = end_window(column, pooled_w, stride_w, pad_w);
  for (int v = first_window(row, kernel_h, stride_h, pad_h); v < last_y; v++)
    for (int u = first_window(column, kernel_w, stride_w, pad_w); u < last_x; u++) {
      const size_t at = ((n * pooled_h + v) * pooled_w + u) * channels + c;
      sum += LOAD(winner + at) == here ? LOAD(dy + at) : (vec)0;
    }
  STORE(sum, dx + i * VW);
}
