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

// `count` matrices of equal shape, from one to the next `step` floats.
struct Stack {
  ptrdiff_t count, step;
};

// The same for each matrix of a stack a and of a stack out of the same count; their rows are contiguous.
void matmul_stacked(const Matrix& a, const Stack& as, const Matrix& b, float* out, ptrdiff_t row_step,
                    const Stack& outs, float alpha, float beta);

// out (N x N, C-ordered) = the sum of x^T x over a stack of x (M x N, C-ordered); M may be millions.
void gram(const float* x, ptrdiff_t M, ptrdiff_t N, const Stack& xs, float* out);

}  // namespace native
