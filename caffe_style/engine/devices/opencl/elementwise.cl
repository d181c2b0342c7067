// Buffers are padded to whole vectors, so that none of these has a tail.

LINE_KERNEL void relu(__global const float* x, __global float* y, float slope, int vectors) {
  const size_t i = get_global_id(0);
  if (i >= vectors) return;
  const vec v = LOAD(x + i * VW);
  STORE(v > 0 ? v : slope * v, y + i * VW);
}

LINE_KERNEL void relu_gradient(__global const float* x, __global const float* dy, __global float* dx,
                               float slope, int vectors) {
  const size_t i = get_global_id(0);
  if (i >= vectors) return;
  const vec d = LOAD(dy + i * VW);
  STORE(LOAD(x + i * VW) > 0 ? d : slope * d, dx + i * VW);
}

LINE_KERNEL void scaled(__global const float* x, float factor, __global float* y, int vectors) {
  const size_t i = get_global_id(0);
  if (i < vectors) STORE(factor * LOAD(x + i * VW), y + i * VW);
}

LINE_KERNEL void add_scaled(__global const float* x, float factor, __global float* y, int vectors) {
  const size_t i = get_global_id(0);
  if (i < vectors) STORE(LOAD(y + i * VW) + factor * LOAD(x + i * VW), y + i * VW);
}

LINE_KERNEL void multiplied(__global const float* a, __global const float* b, __global float* y, int vectors) {
  const size_t i = get_global_id(0);
  if (i < vectors) STORE(LOAD(a + i * VW) * LOAD(b + i * VW), y + i * VW);
}

LINE_KERNEL void divided(__global const float* a, __global const float* b, __global float* y, int vectors) {
  const size_t i = get_global_id(0);
  if (i < vectors) STORE(LOAD(a + i * VW) / LOAD(b + i * VW), y + i * VW);
}

LINE_KERNEL void larger(__global const float* a, __global const float* b, __global float* y, int vectors) {
  const size_t i = get_global_id(0);
  if (i >= vectors) return;
  const vec u = LOAD(a + i * VW), v = LOAD(b + i * VW);
  STORE(u > v ? u : v, y + i * VW);
}

// The gradient of a maximum y to the operand x that reached it ...
LINE_KERNEL void where_equal(__global const float* dy, __global const float* x, __global const float* y,
                             __global float* dx, int vectors) {
  const size_t i = get_global_id(0);
  if (i < vectors) STORE(LOAD(x + i * VW) == LOAD(y + i * VW) ? LOAD(dy + i * VW) : (vec)0, dx + i * VW);
}

// ... unless another one that comes before it reached it too.
LINE_KERNEL void unless_equal(__global const float* x, __global const float* y, __global float* dx, int vectors) {
  const size_t i = get_global_id(0);
  if (i < vectors) STORE(LOAD(x + i * VW) == LOAD(y + i * VW) ? (vec)0 : LOAD(dx + i * VW), dx + i * VW);
}

// `rows` rows of `vectors` vectors from one two-dimensional arrangement to another.
LINE_KERNEL void copy_rows(__global const float* from, int from_offset, int from_step, __global float* to,
                           int to_offset, int to_step, int vectors, int rows) {
  const size_t i = get_global_id(0), row = i / vectors, at = i % vectors * VW;
  if (row < rows) STORE(LOAD(from + from_offset + row * from_step + at), to + to_offset + row * to_step + at);
}
