// Matrix products of our own: the BLAS that numpy brings takes a half-speed path on some machines.
#pragma once

#include "simd.h"

namespace native {

// A matrix of which one step is 1.
struct Matrix {
  const float* data;
  ptrdiff_t rows, columns, row_step, column_step;

  Matrix transposed() const { return {data, columns, rows, column_step, row_step}; }
};

// out = alpha a b + beta out; what beta = 0 overwrites may be NaN.
void matmul(const Matrix& a, const Matrix& b, float* out, ptrdiff_t row_step, ptrdiff_t column_step,
            float alpha, float beta);

// out (N x N, C-ordered) = x^T x for x (M x N, C-ordered); M may be millions.
void gram(const float* x, ptrdiff_t M, ptrdiff_t N, float* out);

}  // namespace native
