// Convolution as a matrix product: what each window sees as one row, and such rows added back into a picture.
// Rows are (channel group, window, kernel row, kernel column, channel of the group) in memory.

#define GEOMETRY int height, int width, int out_h, int out_w, int channels, int groups, int kernel_h, int kernel_w, \
                 int stride_h, int stride_w, int pad_h, int pad_w, int dilation_h, int dilation_w

// The windows of picture n in output rows first_row ... first_row + rows - 1; one kernel row a work-item.
LINE_KERNEL void to_columns(__global const float* x, int n, int first_row, int rows, __global float* columns,
                            GEOMETRY) {
  const size_t i = get_global_id(0);
  const int ky = i % kernel_h, window = i / kernel_h % (rows * out_w), group = i / kernel_h / (rows * out_w);
  if (group >= groups) return;
  const int v = (first_row + window / out_w) * stride_h - pad_h + ky * dilation_h;
  const int left = window % out_w * stride_w - pad_w, count = channels / groups;
  x += (((size_t)n * height + v) * width + left) * channels + group * count;
  columns += i / kernel_h * kernel_h * kernel_w * count + ky * kernel_w * count;
  for (int kx = 0; kx < kernel_w; kx++) {
    const int u = left + kx * dilation_w;
    const bool inside = v >= 0 && v < height && u >= 0 && u < width;
    for (int c = 0; c < count; c += VW)
      STORE(inside ? LOAD(x + kx * dilation_w * channels + c) : (vec)0, columns + kx * count + c);
  }
}

// The adjoint: rows top ... bottom - 1 of picture n gather what those windows hold of each of their values.
LINE_KERNEL void from_columns(__global const float* columns, int n, int top, int bottom, int first_row, int rows,
                              __global float* dx, GEOMETRY) {
  const size_t i = get_global_id(0);
  const int count = channels / groups, c = i % (channels / VW) * VW, group = c / count;
  const int u = i / (channels / VW) % width, v = top + i / (channels / VW) / width;
  if (v >= bottom) return;
  const int reach_h = dilation_h * (kernel_h - 1), reach_w = dilation_w * (kernel_w - 1);
  const int first_y = max((v + pad_h - reach_h + stride_h - 1) / stride_h, first_row);
  const int last_y = min((v + pad_h) / stride_h, first_row + rows - 1);
  const int first_x = max((u + pad_w - reach_w + stride_w - 1) / stride_w, 0);
  const int last_x = min((u + pad_w) / stride_w, out_w - 1);
  dx += (((size_t)n * height + v) * width + u) * channels + c;
  columns += c - group * count;
  vec sum = LOAD(dx);
  for (int oy = first_y; oy <= last_y; oy++)
    for (int ox = first_x; ox <= last_x; ox++) {
      const int dy = v + pad_h - oy * stride_h, dxx = u + pad_w - ox * stride_w;
      if (dy < 0 || dxx < 0 || dy > reach_h || dxx > reach_w || dy % dilation_h || dxx % dilation_w) continue;
      const size_t window = ((size_t)group * rows + oy - first_row) * out_w + ox;
      const size_t tap = (window * kernel_h + dy / dilation_h) * kernel_w + dxx / dilation_w;
      sum += LOAD(columns + tap * count);
    }
  STORE(sum, dx);
}
