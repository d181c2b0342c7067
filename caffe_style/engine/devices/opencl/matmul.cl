// out = a b (+ bias, rectified), several of them at once (`batch`): the heart of every convolution.
//
// a is (rows, depth), its rows `a_row` apart. b lies in panels of PANEL = LANES * NV * VW columns:
// [batch][panel][depth][PANEL], zeros behind the last column. A work-item keeps ROWS x (NV * VW) sums in
// registers; LANES of them side by side share a panel.

__kernel __attribute__((reqd_work_group_size(LANES, TEAM, 1)))
void matmul(int rows, int columns, int depth, int panels,
            __global const float* restrict a, ulong a_offset, int a_row, ulong a_batch,
            __global const float* restrict b, ulong b_offset, ulong b_batch,
            __global float* restrict out, ulong out_offset, int out_row, ulong out_batch,
            __global const float* restrict bias) {
  const int lane = get_global_id(0), first = get_global_id(1) * ROWS;
  const int panel = get_global_id(2) % panels, batch = get_global_id(2) / panels;
  if (first >= rows) return;
  b += b_offset + batch * b_batch + ((size_t)panel * depth * LANES + lane) * (NV * VW);
  a += a_offset + batch * a_batch;

  // Rows behind the last one repeat it.
  __global const float* row[ROWS];
#pragma unroll
  for (int r = 0; r < ROWS; r++) row[r] = a + (size_t)min(first + r, rows - 1) * a_row;
  vec sums[ROWS][NV];
#pragma unroll
  for (int r = 0; r < ROWS; r++)
#pragma unroll
    for (int v = 0; v < NV; v++) sums[r][v] = 0;
  for (int k = 0; k < depth; k++, b += LANES * NV * VW) {
    vec right[NV];
#pragma unroll
    for (int v = 0; v < NV; v++) right[v] = LOAD(b + v * VW);
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      const vec left = row[r][k];
#pragma unroll
      for (int v = 0; v < NV; v++) sums[r][v] = fma(left, right[v], sums[r][v]);
    }
  }

  const int column = (panel * LANES + lane) * NV * VW;
  out += out_offset + batch * out_batch + (size_t)first * out_row + column;
#pragma unroll
  for (int v = 0; v < NV; v++) {
    const int left = columns - column - v * VW;
    if (left <= 0) break;
#ifdef BIAS
    const vec offset = LOAD(bias + batch * columns + column + v * VW);
#endif
#pragma unroll
    for (int r = 0; r < ROWS; r++) {
      vec value = sums[r][v];
#ifdef BIAS
      value += offset;
#endif
#ifdef RELU
      value = rectified(value);
#endif
      __global float* to = out + (size_t)r * out_row + v * VW;
      if (first + r >= rows) break;
      if (left >= VW) {
        STORE(value, to);
      } else {
        float values[VW];
        STORE(value, values);
        for (int i = 0; i < left; i++) to[i] = values[i];
      }
    }
  }
}
