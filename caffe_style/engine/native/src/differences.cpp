#include "differences.h"

#include <algorithm>
#include <vector>

#include "threads.h"

namespace native {
namespace {

constexpr ptrdiff_t RUN = 64 * W;  // floats that are summed up in floats; runs are summed up in doubles

double sum_of(vec v) {
  double sum = 0;
  for (int i = 0; i < W; i++) sum += v[i];
  return sum;
}

// The sum of square(i, n) over the vectors of n <= W elements at i that together are begin..end.
template <class Square>
double sum_squares(ptrdiff_t begin, ptrdiff_t end, const Square& square) {
  double total = 0;
  while (begin < end) {
    const ptrdiff_t stop = std::min(begin + RUN, end);
    vec sum = {};
    for (; begin + W <= stop; begin += W) sum += square(begin, ptrdiff_t(W));
    if (begin < stop) sum += square(begin, stop - begin);
    begin = stop;
    total += sum_of(sum);
  }
  return total;
}

// The sum of row(y) over all rows, always in the same order.
template <class Row>
double sum_rows(ptrdiff_t rows, ptrdiff_t columns, const Row& row) {
  std::vector<double> sums(rows);
#pragma omp parallel for num_threads(rows* columns > 16384 ? threads() : 1) schedule(static)
  for (ptrdiff_t y = 0; y < rows; y++) sums[y] = row(y);
  double total = 0;
  for (double sum : sums) total += sum;
  return total;
}

}  // namespace

double squared_distance(const Matrix& x, const Matrix& y, float* dx, ptrdiff_t dx_step, float a) {
  return sum_rows(x.rows, x.columns, [=](ptrdiff_t row) {
    const float *here = x.data + row * x.row_step, *there = y.data + row * y.row_step;
    float* to = dx + row * dx_step;
    return sum_squares(0, x.columns, [=](ptrdiff_t i, ptrdiff_t n) {
      const vec d = load_upto(here + i, n) - load_upto(there + i, n);
      store_upto(to + i, load_upto(to + i, n) + a * d, n);
      return d * d;
    });
  });
}

double squared_variation(const Matrix& x, ptrdiff_t channels, float* dx, ptrdiff_t dx_step, float a) {
  return sum_rows(x.rows, x.columns, [=](ptrdiff_t row) {
    const float* here = x.data + row * x.row_step;
    // Beyond the first and last row there is no difference.
    const float *above = row > 0 ? here - x.row_step : here, *below = row + 1 < x.rows ? here + x.row_step : here;
    float* to = dx + row * dx_step;
    const auto square = [=](ptrdiff_t i, ptrdiff_t n, ptrdiff_t before, ptrdiff_t after) {
      const vec mine = load_upto(here + i, n);
      const vec across = mine - load_upto(here + i + after, n), down = mine - load_upto(below + i, n);
      const vec others = load_upto(here + i - before, n) + load_upto(above + i, n);
      store_upto(to + i, load_upto(to + i, n) + a * (across + down + (mine + mine - others)), n);
      return across * across + down * down;
    };
    const ptrdiff_t first = std::min(channels, x.columns), last = x.columns - first;
    if (last <= 0)  // one pixel
      return sum_squares(0, first, [=](ptrdiff_t i, ptrdiff_t n) { return square(i, n, 0, 0); });
    return sum_squares(0, first, [=](ptrdiff_t i, ptrdiff_t n) { return square(i, n, 0, channels); }) +
           sum_squares(first, last, [=](ptrdiff_t i, ptrdiff_t n) { return square(i, n, channels, channels); }) +
           sum_squares(last, x.columns, [=](ptrdiff_t i, ptrdiff_t n) { return square(i, n, channels, 0); });
  });
}

}  // namespace native
