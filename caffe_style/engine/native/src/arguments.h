// What the kernels accept from Python: each check ends in a ValueError that names the argument.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>
#include <utility>

#include "convolution.h"
#include "matmul.h"

namespace arguments {

namespace py = pybind11;
using native::ptrdiff_t;

using Pair = std::pair<ptrdiff_t, ptrdiff_t>;

[[noreturn]] inline void refuse(const std::string& what) { throw py::value_error(what); }

inline void require(bool holds, const char* name, const char* what) {
  if (!holds) refuse(std::string(name) + " " + what);
}

inline void check_floats(const py::array& a, const char* name) {
  require(a.dtype().kind() == 'f' && a.itemsize() == 4 && a.dtype().byteorder() != '>', name,
          "must be float32");
  require(reinterpret_cast<std::uintptr_t>(a.data()) % alignof(float) == 0, name, "must be aligned");
}

inline bool contiguous(const py::array& a) { return a.flags() & py::array::c_style; }

inline const float* read(const py::array& a, const char* name) {
  check_floats(a, name);
  require(contiguous(a), name, "must be C-contiguous");
  return static_cast<const float*>(a.data());
}

inline float* write(py::array& a, const char* name) {
  read(a, name);
  require(a.writeable(), name, "must be writeable");
  return static_cast<float*>(a.mutable_data());
}

inline native::Input pictures(const py::array& a, const char* name) {
  const float* data = read(a, name);
  require(a.ndim() == 4, name, "must have four axes (N, H, W, C)");
  return {data, a.shape(0), a.shape(1), a.shape(2), a.shape(3), a.shape(3)};
}

inline native::Output pictures_to_write(py::array& a, const char* name) {
  float* data = write(a, name);
  const native::Input p = pictures(a, name);
  return {data, p.count, p.height, p.width, p.channels, p.channels};
}

// An optional array of `size` values, or null.
inline const float* optional(const py::object& o, ptrdiff_t size, const char* name) {
  if (o.is_none()) return nullptr;
  require(py::isinstance<py::array>(o), name, "must be an array or None");
  const auto a = py::reinterpret_borrow<py::array>(o);
  const float* data = read(a, name);
  require(a.size() == size, name, "has the wrong number of values");
  return data;
}

inline void same_shape(const py::array& a, const py::array& b, const char* what) {
  bool same = a.ndim() == b.ndim();
  for (ptrdiff_t i = 0; same && i < a.ndim(); i++) same = a.shape(i) == b.shape(i);
  if (!same) refuse(std::string(what) + " must have the same shape");
}

constexpr ptrdiff_t LIMIT = ptrdiff_t(1) << 28;  // keeps products of positions far from overflow

inline void check_pair(const Pair& p, ptrdiff_t least, const char* name) {
  require(p.first >= least && p.second >= least && p.first <= LIMIT && p.second <= LIMIT, name,
          "is out of range");
}

inline native::Window window(ptrdiff_t kernel_h, ptrdiff_t kernel_w, const Pair& pad, const Pair& stride,
                             const Pair& dilation) {
  check_pair({kernel_h, kernel_w}, 1, "kernel");
  check_pair(pad, 0, "pad");
  check_pair(stride, 1, "stride");
  check_pair(dilation, 1, "dilation");
  return {kernel_h,     kernel_w,      pad.first,      pad.second,
          stride.first, stride.second, dilation.first, dilation.second};
}

// Weights (K, C / group, kh, kw) for pictures of C and K channels.
inline native::Window check_convolution(const py::array& weights, const char* name, ptrdiff_t C, ptrdiff_t K,
                                        const Pair& pad, const Pair& stride, const Pair& dilation,
                                        ptrdiff_t group) {
  require(weights.ndim() == 4, name, "must have four axes (K, C / group, kh, kw)");
  require(group >= 1 && C >= 1 && K >= 1 && C % group == 0 && K % group == 0, "group",
          "must divide both channel counts");
  require(weights.shape(0) == K && weights.shape(1) == C / group, name, "do not fit the channel counts");
  return window(weights.shape(2), weights.shape(3), pad, stride, dilation);
}

inline void same_count(ptrdiff_t a, ptrdiff_t b) {
  if (a != b) refuse("the batches must have the same size");
}

// The pictures before and after pooling.
inline native::Window check_pooling(const native::Input& x, const native::Input& y, const Pair& kernel,
                                    const Pair& stride, const Pair& pad) {
  same_count(x.count, y.count);
  if (x.channels != y.channels) refuse("pooling keeps the number of channels");
  if (pad.first >= kernel.first || pad.second >= kernel.second) refuse("pad must be smaller than the kernel");
  return window(kernel.first, kernel.second, pad, stride, {1, 1});
}

// A 2-D array with one of its strides 1; an axis of length 1 may have any stride.
inline native::Matrix matrix(const py::array& a, const char* name) {
  check_floats(a, name);
  require(a.ndim() == 2, name, "must have two axes");
  native::Matrix m{static_cast<const float*>(a.data()), a.shape(0), a.shape(1), 0, 0};
  require(a.strides(0) % 4 == 0 && a.strides(1) % 4 == 0, name, "must be aligned");
  m.row_step = a.strides(0) / 4;
  m.column_step = a.strides(1) / 4;
  if (m.rows <= 1) m.row_step = m.column_step == 1 ? m.columns : 1;
  if (m.columns <= 1) m.column_step = m.row_step == 1 ? m.rows : 1;
  const bool by_rows = m.column_step == 1 && m.row_step >= m.columns;
  const bool by_columns = m.row_step == 1 && m.column_step >= m.rows;
  require(by_rows || by_columns, name, "must have contiguous rows or contiguous columns");
  return m;
}

// A stack of matrices (count, rows, columns), each with contiguous rows.
inline std::pair<native::Matrix, native::Stack> stack(const py::array& a, const char* name) {
  check_floats(a, name);
  require(a.ndim() == 3, name, "must have three axes");
  for (int axis = 0; axis < 3; axis++) require(a.strides(axis) % 4 == 0, name, "must be aligned");
  native::Matrix m{static_cast<const float*>(a.data()), a.shape(1), a.shape(2), a.strides(1) / 4, 1};
  native::Stack s{a.shape(0), a.strides(0) / 4};
  if (m.rows <= 1) m.row_step = m.columns;
  if (s.count <= 1) s.step = m.rows * m.row_step;
  require(m.columns <= 1 || a.strides(2) == 4, name, "must have contiguous rows");
  require(m.row_step >= m.columns && s.step >= m.rows * m.row_step - (m.row_step - m.columns), name,
          "must have rows one after another");
  return {m, s};
}

}  // namespace arguments
