// The Python face of the kernels. Every argument is checked before the kernel runs: what passes cannot make
// it touch memory outside its arrays.
#include "arguments.h"
#include "convolution.h"
#include "differences.h"
#include "elementwise.h"
#include "lrn.h"
#include "matmul.h"
#include "pooling.h"
#include "scratch.h"
#include "threads.h"

namespace {

using namespace arguments;

// The responses of a gradient's places, their signs, or None.
native::Mask mask_of(const py::object& mask, const native::Input& dy, ptrdiff_t groups) {
  const ptrdiff_t size = dy.count * dy.height * dy.width * dy.channels;
  if (!py::isinstance<native::Signs>(mask)) return {optional(mask, size, "mask"), nullptr};
  const auto& signs = mask.cast<const native::Signs&>();
  require(signs.responses() == size && dy.channels / groups % native::W == 0, "mask",
          "has the wrong number of values");
  return {nullptr, signs.bits()};
}

void convolve(const py::array& x, const py::array& weights, const py::object& bias, py::array& out,
              const Pair& pad, const Pair& stride, const Pair& dilation, ptrdiff_t group, bool relu,
              native::KeptFilters* kept, native::Signs* signs) {
  const auto from = pictures(x, "x");
  const auto to = pictures_to_write(out, "out");
  const float* w = read(weights, "weights");
  const auto window =
      check_convolution(weights, "weights", from.channels, to.channels, pad, stride, dilation, group);
  same_count(from.count, to.count);
  const float* b = optional(bias, to.channels, "bias");
  py::gil_scoped_release unlocked;
  native::convolve(from, w, kept, b, to, signs, window, group, relu);
}

std::size_t most_kept_bytes(const py::array& weights, const Pair& stride, const Pair& dilation,
                            ptrdiff_t group) {
  require(weights.ndim() == 4 && group >= 1, "weights", "must have four axes (K, C / group, kh, kw)");
  const ptrdiff_t C = weights.shape(1) * group, K = weights.shape(0);
  const auto window = check_convolution(weights, "weights", C, K, {0, 0}, stride, dilation, group);
  return native::most_kept_bytes(C, K, window, group);
}

void convolve_input_gradient(const py::array& dy, const py::array& weights, py::array& dx, const Pair& pad,
                             const Pair& stride, const Pair& dilation, ptrdiff_t group,
                             const py::object& mask, native::KeptFilters* kept) {
  const auto from = pictures(dy, "dy");
  const auto to = pictures_to_write(dx, "dx");
  const float* w = read(weights, "weights");
  const auto window =
      check_convolution(weights, "weights", to.channels, from.channels, pad, stride, dilation, group);
  same_count(from.count, to.count);
  const auto m = mask_of(mask, from, group);
  py::gil_scoped_release unlocked;
  native::convolve_input_gradient(from, m, w, kept, to, window, group);
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

void matmul(const py::array& a, const py::array& b, py::array& out, float alpha, float beta) {
  require(out.writeable(), "out", "must be writeable");
  const auto right = matrix(b, "b");
  const auto check = [&](const native::Matrix& left, const native::Matrix& result) {
    if (left.columns != right.rows || left.rows != result.rows || right.columns != result.columns)
      refuse("the shapes of a, b and out do not fit: (M, K), (K, N), (M, N)");
  };
  float* to = static_cast<float*>(out.mutable_data());
  if (a.ndim() == 3) {
    const auto left = stack(a, "a"), result = stack(out, "out");
    check(left.first, result.first);
    if (left.second.count != result.second.count) refuse("a and out must be stacks of the same count");
    py::gil_scoped_release unlocked;
    native::matmul_stacked(left.first, left.second, right, to, result.first.row_step, result.second, alpha,
                           beta);
    return;
  }
  const auto left = matrix(a, "a"), result = matrix(out, "out");
  check(left, result);
  py::gil_scoped_release unlocked;
  native::matmul(left, right, to, result.row_step, result.column_step, alpha, beta);
}

void gram(const py::array& x, py::array& out) {
  require(x.ndim() == 2 || x.ndim() == 3, "x", "must have two or three axes, (M, N) or (count, M, N)");
  const ptrdiff_t M = x.shape(x.ndim() - 2), N = x.shape(x.ndim() - 1);
  native::Stack xs{1, 0};
  if (x.ndim() == 2) {
    read(x, "x");
  } else {
    const auto given = stack(x, "x");
    require(given.first.row_step == N, "x", "must have matrices without gaps");
    xs = given.second;
  }
  const float* from = static_cast<const float*>(x.data());
  float* to = write(out, "out");
  require(out.ndim() == 2 && out.shape(0) == N && out.shape(1) == N, "out", "must be (N, N)");
  py::gil_scoped_release unlocked;
  native::gram(from, M, N, xs, to);
}

// Matrices with contiguous rows, of one shape.
native::Matrix rows_like(const py::array& a, const native::Matrix& x, const char* name) {
  const auto m = matrix(a, name);
  require(m.columns <= 1 || m.column_step == 1 || a.size() == 0, name, "must have contiguous rows");
  require(m.rows == x.rows && m.columns == x.columns, name, "must have the shape of x");
  return m;
}

double squared_distance(const py::array& x, const py::array& y, py::array& dx, float a) {
  const auto from = rows_like(x, matrix(x, "x"), "x"), other = rows_like(y, from, "y");
  const auto gradient = rows_like(dx, from, "dx");
  require(dx.writeable(), "dx", "must be writeable");
  float* to = static_cast<float*>(dx.mutable_data());
  py::gil_scoped_release unlocked;
  return native::squared_distance(from, other, to, gradient.row_step, a);
}

double squared_variation(const py::array& x, ptrdiff_t channels, py::array& dx, float a) {
  const auto from = rows_like(x, matrix(x, "x"), "x"), gradient = rows_like(dx, from, "dx");
  require(channels >= 1 && from.columns % channels == 0, "channels", "must divide the columns of x");
  require(dx.writeable(), "dx", "must be writeable");
  float* to = static_cast<float*>(dx.mutable_data());
  py::gil_scoped_release unlocked;
  return native::squared_variation(from, channels, to, gradient.row_step, a);
}

}  // namespace

PYBIND11_MODULE(KERNELS_MODULE, m) {
  using py::arg;
  const Pair zero{0, 0}, one{1, 1};
  py::class_<native::KeptFilters>(m, "KeptFilters", py::module_local())
      .def(py::init<>())
      .def_property_readonly("nbytes", &native::KeptFilters::bytes);
  py::class_<native::Signs>(m, "Signs", py::module_local())
      .def(py::init<>())
      .def_property_readonly("size", &native::Signs::responses);
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
        arg("stride") = one, arg("dilation") = one, arg("group") = 1, arg("relu") = false,
        arg("kept") = py::none(), arg("signs") = py::none());
  m.def("convolve_input_gradient", &convolve_input_gradient, arg("dy"), arg("weights"), arg("dx"),
        arg("pad") = zero, arg("stride") = one, arg("dilation") = one, arg("group") = 1,
        arg("mask") = py::none(), arg("kept") = py::none());
  m.def("most_kept_bytes", &most_kept_bytes, arg("weights"), arg("stride") = one, arg("dilation") = one,
        arg("group") = 1);
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
  m.def("squared_distance", &squared_distance, arg("x"), arg("y"), arg("dx"), arg("a"));
  m.def("squared_variation", &squared_variation, arg("x"), arg("channels"), arg("dx"), arg("a"));
}
