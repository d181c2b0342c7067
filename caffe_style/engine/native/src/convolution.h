// What a convolution is, for every algorithm that computes one.
#pragma once

#include "kept_filters.h"
#include "signs.h"
#include "simd.h"

namespace native {

// Channels-last pictures: pixel (n, y, x) starts at data + ((n * height + y) * width + x) * pixel.
template <class Float>
struct Pictures {
  Float* data;
  ptrdiff_t count, height, width, channels;
  ptrdiff_t pixel;  // floats from a pixel to the next: more than `channels` when this is a group

  Float* at(ptrdiff_t n, ptrdiff_t y, ptrdiff_t x) const {
    return data + ((n * height + y) * width + x) * pixel;
  }
  // Whether to write all of it past the caches (see stream).
  bool streams() const {
    constexpr ptrdiff_t LARGE = 6 << 20;  // floats: 24 MB do not stay in a cache until they are read
    return CAN_STREAM && count * height * width * pixel >= LARGE && pixel % W == 0 && channels % W == 0 &&
           reinterpret_cast<std::uintptr_t>(data) % (4 * W) == 0;
  }
  Pictures group(ptrdiff_t index, ptrdiff_t groups) const {
    Pictures part = *this;
    part.channels = channels / groups;
    if (data) part.data = data + index * part.channels;
    return part;
  }
};

struct Window {
  ptrdiff_t kernel_h, kernel_w, pad_h, pad_w, stride_h, stride_w, dilation_h, dilation_w;
};

// Weights as Caffe keeps them, read as filter(output, input, tap): the gradient to the input reads
// the same memory with the roles of the channels exchanged and the taps from the last to the first.
struct Filters {
  const float* data;
  ptrdiff_t output_step, input_step;

  const float* at(ptrdiff_t output, ptrdiff_t input) const {
    return data + output * output_step + input * input_step;
  }
};

using Input = Pictures<const float>;
using Output = Pictures<float>;

// out = windows of x times weights (+ bias) (rectified if relu). `kept`, or null, belongs to these weights.
// `signs`, or null, gets those of rectified responses; it is left empty where that would gain nothing.
void convolve(const Input& x, const float* weights, KeptFilters* kept, const float* bias, const Output& out,
              Signs* signs, const Window& window, ptrdiff_t groups, bool relu);

// The most bytes that KeptFilters take for both directions, given the channels and filters of all groups.
std::size_t most_kept_bytes(ptrdiff_t channels, ptrdiff_t filters, const Window& window, ptrdiff_t groups);

// dx = the gradient of convolve with respect to x; what the mask does not let through of dy counts as zero.
void convolve_input_gradient(const Input& dy, const Mask& mask, const float* weights, KeptFilters* kept,
                             const Output& dx, const Window& window, ptrdiff_t groups);

// dweights += , dbias += the gradients with respect to the parameters.
void convolve_filter_gradient(const Input& x, const Input& dy, float* dweights, float* dbias,
                              const Window& window, ptrdiff_t groups);

// --- the algorithms that these choose from; all for one group ---

// 3x3, stride 1: Winograd's minimal filtering. `reversed` reads the filters' taps from last to first.
// `signs`, or null, has room for those of `out`.
void winograd(const Input& x, const Mask& mask, const Filters& filters, bool reversed, KeptPart* kept,
              const float* bias, bool relu, const Output& out, Bits* signs, ptrdiff_t pad_h, ptrdiff_t pad_w);

// The most floats that the transformed filters take.
ptrdiff_t most_kept_floats(ptrdiff_t channels, ptrdiff_t filters);

// Any window: matrix products of columns (im2col) that are made a block at a time.
void columns_convolution(const Input& x, const float* weights, const float* bias, bool relu,
                         const Output& out, const Window& window);
void columns_input_gradient(const Input& dy, const Mask& mask, const float* weights, const Output& dx,
                            const Window& window);

// At most so many channels in the input, no dilation: matrix products whose columns share their values.
constexpr ptrdiff_t FEW_CHANNELS = 4;
void picture_convolution(const Input& x, const float* weights, const float* bias, bool relu,
                         const Output& out, Bits* signs, const Window& window);
// The same for its gradient: a matrix product makes the columns, which are then added up (col2im).
void scattered_input_gradient(const Input& dy, const Mask& mask, const float* weights, const Output& dx,
                              const Window& window);

// One input and one output channel a group, all groups at once.
void depthwise_convolution(const Input& x, const float* weights, const float* bias, bool relu,
                           const Output& out, const Window& window);
void depthwise_input_gradient(const Input& dy, const Mask& mask, const float* weights, const Output& dx,
                              const Window& window);

}  // namespace native
