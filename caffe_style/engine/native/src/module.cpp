// The Python face of the kernels. Everything that comes from Python is checked here: what passes cannot
// make a kernel touch memory outside its arrays.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>
#include <utility>

#include "convolution.h"
#include "elementwise.h"
#include "lrn.h"
#include "matmul.h"
#include "pooling.h"
#include "scratch.h"
#include "threads.h"

namespace py = pybind11;
using native::ptrdiff_t;

namespace {

using Pair = std::pair<ptrdiff_t, ptrdiff_t>;

[[noreturn]] void refuse(const std::string& what) { throw py::value_error(what); }

void require(bool holds, const char* name, const char* what) {
  if (!holds) refuse(std::string(name) + " " + what);
}

void check_floats(const py::array& a, const char* name) {
  require(a.dtype().kind() == 'f' && a.itemsize() == 4 && a.dtype().byteorder() != '>', name,
          "must be float32");
  require(reinterpret_cast<std::uintptr_t>(a.data()) % alignof(float) == 0, name, "must be aligned");
}

bool contiguous(const py::array& a) { return a.flags() & py::array::c_style; }

const float* read(const py::array& a, const char* name) {
  check_floats(a, name);
  require(contiguous(a), name, "must be C-contiguous");
  return static_cast<const float*>(a.data());
}

float* write(py::array& a, const char* name) {
  read(a, name);
  require(a.writeable(), name, "must be writeable");
  return static_cast<float*>(a.mutable_data());
}

native::Input pictures(const py::array& a, const char* name) {
  const float* data = read(a, name);
  require(a.ndim() == 4, name, "must have four axes (N, H, W, C)");
  return {data, a.shape(0), a.shape(1), a.shape(2), a.shape(3), a.shape(3)};
}

native::Output pictures_to_write(py::array& a, const char* name) {
  float* data = write(a, name);
  const native::Input p = pictures(a, name);
  return {data, p.count, p.height, p.width, p.channels, p.channels};
}

// An optional array of `size` values, or null.
const float* optional(const py::object& o, ptrdiff_t size, const char* name) {
  if (o.is_none()) return nullptr;
  require(py::isinstance<py::array>(o), name, "must be an array or None");
  const auto a = py::reinterpret_borrow<py::array>(o);
  const float* data = read(a, name);
  require(a.size() == size, name, "has the wrong number of values");
  return data;
}

void same_shape(const py::array& a, const py::array& b, const char* what) {
  bool same = a.ndim() == b.ndim();
  for (ptrdiff_t i = 0; same && i < a.ndim(); i++) same = a.shape(i) == b.shape(i);
  if (!same) refuse(std::string(what) + " must have the same shape");
}

constexpr ptrdiff_t LIMIT = ptrdiff_t(1) << 28;  // keeps products of positions far from overflow

void check_pair(const Pair& p, ptrdiff_t least, const char* name) {
  require(p.first >= least && p.second >= least && p.first <= LIMIT && p.second <= LIMIT, name,
          "is out of range");
}

native::Window window(ptrdiff_t kernel_h, ptrdiff_t kernel_w, const Pair& pad, const Pair& stride,
                      const Pair& dilation) {
  check_pair({kernel_h, kernel_w}, 1, "kernel");
  check_pair(pad, 0, "pad");
  check_pair(stride, 1, "stride");
  check_pair(dilation, 1, "dilation");
  return {kernel_h, kernel_w, pad.first, pad.second, stride.first, stride.second, dilation.first,
          dilation.second};
}

// Weights (K, C / group, kh, kw) for pictures of C and K channels.
native::Window check_convolution(const py::array& weights, const char* name, ptrdiff_t C, ptrdiff_t K,
                                 const Pair& pad, const Pair& stride, const Pair& dilation, ptrdiff_t group) {
  require(weights.ndim() == 4, name, "must have four axes (K, C / group, kh, kw)");
  require(group >= 1 && C >= 1 && K >= 1 && C % group == 0 && K % group == 0, "group",
          "must divide both channel counts");
  require(weights.shape(0) == K && weights.shape(1) == C / group, name, "do not fit the channel counts");
  return window(weights.shape(2), weights.shape(3), pad, stride, dilation);
}

void same_count(ptrdiff_t a, ptrdiff_t b) {
  if (a != b) refuse("the batches must have the same size");
}

void convolve(const py::array& x, const py::array& weights, const py::object& bias, py::array& out,
              const Pair& pad, const Pair& stride, const Pair& dilation, ptrdiff_t group, bool relu) {
  const auto from = pictures(x, "x");
  const auto to = pictures_to_write(out, "out");
  const float* w = read(weights, "weights");
  const auto window =
      check_convolution(weights, "weights", from.channels, to.channels, pad, stride, dilation, group);
  same_count(from.count, to.count);
  const float* b = optional(bias, to.channels, "bias");
  py::gil_scoped_release unlocked;
  native::convolve(from, w, b, to, window, group, relu);
}

void convolve_input_gradient(const py::array& dy, const py::array& weights, py::array& dx, const Pair& pad,
                             const Pair& stride, const Pair& dilation, ptrdiff_t group,
                             const py::object& mask) {
  const auto from = pictures(dy, "dy");
  const auto to = pictures_to_write(dx, "dx");
  const float* w = read(weights, "weights");
  const auto window =
      check_convolution(weights, "weights", to.channels, from.channels, pad, stride, dilation, group);
  same_count(from.count, to.count);
  const float* m = optional(mask, dy.size(), "mask");
  py::gil_scoped_release unlocked;
  native::convolve_input_gradient(from, m, w, to, window, group);
}

void convolve_filter_gradient(const py::array& x, const py::array& dy, py::array& dw, py::object& db,
                              const Pair& pad, const Pair& stride, const Pair& dilation, ptrdiff_t group) {
  const auto from = pictures(x, "x"), gradient = pictures(dy, "dy");
  float* to = write(dw, "dw");
  const auto window =
      check_convolution(dw, "dw", from.channels, gradient.channels, pad, stride, dilation, group);
  same_count(from.count, gradient.count);
  float* bias = const_cast<float*>(optional(db, gradient.channels, "db"));
  if (bias) require(py::reinterpret_borrow<py::array>(db).writeable(), "db", "must be writeable");
  py::gil_scoped_release unlocked;
  native::convolve_filter_gradient(from, gradient, to, bias, window, group);
}

// The pictures before and after pooling.
native::Window check_pooling(const native::Input& x, const native::Input& y, const Pair& kernel,
                             const Pair& stride, const Pair& pad) {
  same_count(x.count, y.count);
  if (x.channels != y.channels) refuse("pooling keeps the number of channels");
  if (pad.first >= kernel.first || pad.second >= kernel.second) refuse("pad must be smaller than the kernel");
  return window(kernel.first, kernel.second, pad, stride, {1, 1});
}

void pool_max(const py::array& x, py::array& out, const Pair& kernel, const Pair& stride, const Pair& pad) {
  const auto from = pictures(x, "x"), shape = pictures(out, "out");
  const auto to = pictures_to_write(out, "out");
  const auto window = check_pooling(from, shape, kernel, stride, pad);
  py::gil_scoped_release unlocked;
  native::pool_max(from, to, window);
}

void pool_average(const py::array& x, py::array& out, const Pair& kernel, const Pair& stride,
                  const Pair& pad) {
  const auto from = pictures(x, "x"), shape = pictures(out, "out");
  const auto to = pictures_to_write(out, "out");
  const auto window = check_pooling(from, shape, kernel, stride, pad);
  py::gil_scoped_release unlocked;
  native::pool_average(from, to, window);
}

void pool_max_gradient(const py::array& x, const py::array& dy, py::array& dx, const Pair& kernel,
                       const Pair& stride, const Pair& pad) {
  const auto from = pictures(x, "x"), gradient = pictures(dy, "dy");
  const auto to = pictures_to_write(dx, "dx");
  same_shape(x, dx, "x and dx");
  const auto window = check_pooling(from, gradient, kernel, stride, pad);
  py::gil_scoped_release unlocked;
  native::pool_max_gradient(from, gradient, to, window);
}

void pool_average_gradient(const py::array& dy, py::array& dx, const Pair& kernel, const Pair& stride,
                           const Pair& pad) {
  const auto gradient = pictures(dy, "dy"), shape = pictures(dx, "dx");
  const auto to = pictures_to_write(dx, "dx");
  const auto window = check_pooling(shape, gradient, kernel, stride, pad);
  py::gil_scoped_release unlocked;
  native::pool_average_gradient(gradient, to, window);
}

void relu(const py::array& x, py::array& out, float negative_slope) {
  const float* from = read(x, "x");
  float* to = write(out, "out");
  same_shape(x, out, "x and out");
  const ptrdiff_t count = x.size();
  py::gil_scoped_release unlocked;
  native::relu(from, to, count, negative_slope);
}

void relu_gradient(const py::array& y, const py::array& dy, py::array& dx, float negative_slope) {
  const float *response = read(y, "y"), *gradient = read(dy, "dy");
  float* to = write(dx, "dx");
  same_shape(y, dy, "y and dy");
  same_shape(y, dx, "y and dx");
  const ptrdiff_t count = y.size();
  py::gil_scoped_release unlocked;
  native::relu_gradient(response, gradient, to, count, negative_slope);
}

native::Lrn lrn(const native::Input& x, ptrdiff_t size, float alpha, float beta, float k) {
  require(size >= 1 && size <= LIMIT && x.channels >= 1, "size", "is out of range");
  return {size, alpha, beta, k};
}

void lrn_across(const py::array& x, py::array& out, ptrdiff_t size, float alpha, float beta, float k) {
  const auto from = pictures(x, "x");
  float* to = write(out, "out");
  same_shape(x, out, "x and out");
  const auto parameters = lrn(from, size, alpha, beta, k);
  py::gil_scoped_release unlocked;
  native::lrn_across(from.data, to, from.count * from.height * from.width, from.channels, parameters);
}

void lrn_across_gradient(const py::array& x, const py::array& y, const py::array& dy, py::array& dx,
                         ptrdiff_t size, float alpha, float beta, float k) {
  const auto from = pictures(x, "x");
  const float *response = read(y, "y"), *gradient = read(dy, "dy");
  float* to = write(dx, "dx");
  same_shape(x, y, "x and y");
  same_shape(x, dy, "x and dy");
  same_shape(x, dx, "x and dx");
  const auto parameters = lrn(from, size, alpha, beta, k);
  py::gil_scoped_release unlocked;
  native::lrn_across_gradient(from.data, response, gradient, to, from.count * from.height * from.width,
                              from.channels, parameters);
}

void scale_shift(const py::array& x, py::array& out, const py::object& scale, const py::object& shift) {
  const float* from = read(x, "x");
  float* to = write(out, "out");
  same_shape(x, out, "x and out");
  require(x.ndim() >= 1, "x", "must have an axis of channels");
  const ptrdiff_t channels = x.shape(x.ndim() - 1);
  const float *factors = optional(scale, channels, "scale"), *terms = optional(shift, channels, "shift");
  const ptrdiff_t pixels = channels ? x.size() / channels : 0;
  py::gil_scoped_release unlocked;
  native::scale_shift(from, to, pixels, channels, factors, terms);
}

void add_scaled(py::array& out, const py::array& x, float a) {
  float* to = write(out, "out");
  const float* from = read(x, "x");
  same_shape(out, x, "out and x");
  const ptrdiff_t count = x.size();
  py::gil_scoped_release unlocked;
  native::add_scaled(to, from, count, a);
}

// A 2-D array with one of its strides 1; an axis of length 1 may have any stride.
native::Matrix matrix(const py::array& a, const char* name) {
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

void matmul(const py::array& a, const py::array& b, py::array& out, float alpha, float beta) {
  const auto left = matrix(a, "a"), right = matrix(b, "b"), result = matrix(out, "out");
  require(out.writeable(), "out", "must be writeable");
  if (left.columns != right.rows || left.rows != result.rows || right.columns != result.columns)
    refuse("the shapes of a, b and out do not fit: (M, K), (K, N), (M, N)");
  float* to = static_cast<float*>(out.mutable_data());
  py::gil_scoped_release unlocked;
  native::matmul(left, right, to, result.row_step, result.column_step, alpha, beta);
}

void gram(const py::array& x, py::array& out) {
  const float* from = read(x, "x");
  float* to = write(out, "out");
  require(x.ndim() == 2, "x", "must have two axes (M, N)");
  require(out.ndim() == 2 && out.shape(0) == x.shape(1) && out.shape(1) == x.shape(1), "out",
          "must be (N, N)");
  const ptrdiff_t M = x.shape(0), N = x.shape(1);
  py::gil_scoped_release unlocked;
  native::gram(from, M, N, to);
}

}  // namespace

PYBIND11_MODULE(KERNELS_MODULE, m) {
  using py::arg;
  const Pair zero{0, 0}, one{1, 1};
  m.def("set_threads", &native::set_threads, arg("count"));
  m.def("get_threads", &native::threads);
  m.def("release_scratch", &native::release_scratch);
  m.def("scratch_bytes", &native::scratch_bytes);
#if defined(_OPENMP)
  m.attr("openmp") = true;
#else
  m.attr("openmp") = false;
#endif
  m.def("convolve", &convolve, arg("x"), arg("weights"), arg("bias"), arg("out"), arg("pad") = zero,
        arg("stride") = one, arg("dilation") = one, arg("group") = 1, arg("relu") = false);
  m.def("convolve_input_gradient", &convolve_input_gradient, arg("dy"), arg("weights"), arg("dx"),
        arg("pad") = zero, arg("stride") = one, arg("dilation") = one, arg("group") = 1,
        arg("mask") = py::none());
  m.def("convolve_filter_gradient", &convolve_filter_gradient, arg("x"), arg("dy"), arg("dw"), arg("db"),
        arg("pad") = zero, arg("stride") = one, arg("dilation") = one, arg("group") = 1);
  m.def("pool_max", &pool_max, arg("x"), arg("out"), arg("kernel"), arg("stride") = one, arg("pad") = zero);
  m.def("pool_max_gradient", &pool_max_gradient, arg("x"), arg("dy"), arg("dx"), arg("kernel"),
        arg("stride") = one, arg("pad") = zero);
  m.def("pool_average", &pool_average, arg("x"), arg("out"), arg("kernel"), arg("stride") = one,
        arg("pad") = zero);
  m.def("pool_average_gradient", &pool_average_gradient, arg("dy"), arg("dx"), arg("kernel"),
        arg("stride") = one, arg("pad") = zero);
  m.def("relu", &relu, arg("x"), arg("out"), arg("negative_slope") = 0.f);
  m.def("relu_gradient", &relu_gradient, arg("y"), arg("dy"), arg("dx"), arg("negative_slope") = 0.f);
  m.def("lrn_across", &lrn_across, arg("x"), arg("out"), arg("size"), arg("alpha"), arg("beta"), arg("k"));
  m.def("lrn_across_gradient", &lrn_across_gradient, arg("x"), arg("y"), arg("dy"), arg("dx"), arg("size"),
        arg("alpha"), arg("beta"), arg("k"));
  m.def("scale_shift", &scale_shift, arg("x"), arg("out"), arg("scale"), arg("shift"));
  m.def("add_scaled", &add_scaled, arg("out"), arg("x"), arg("a"));
  m.def("matmul", &matmul, arg("a"), arg("b"), arg("out"), arg("alpha") = 1.f, arg("beta") = 0.f);
  m.def("gram", &gram, arg("x"), arg("out"));
}
