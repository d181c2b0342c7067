// Chooses the algorithm for a convolution.
#include "convolution.h"

namespace native {
namespace {

bool suits_winograd(const Window& w) {
  return w.kernel_h == 3 && w.kernel_w == 3 && w.stride_h == 1 && w.stride_w == 1 && w.dilation_h == 1 &&
         w.dilation_w == 1;
}

// So few channels as a picture has leave most lanes of a vector empty, unless it is a short one.
bool is_picture(ptrdiff_t channels, const Window& w) {
  return channels <= FEW_CHANNELS && w.dilation_h == 1 && w.dilation_w == 1 &&
         (W > FEW_CHANNELS || !suits_winograd(w));
}

KeptPart* part_of(KeptFilters* kept, ptrdiff_t group, bool reversed) {
  return kept ? &kept->part(group, reversed) : nullptr;
}

const float* group_of(const float* data, ptrdiff_t offset) { return data ? data + offset : nullptr; }

}  // namespace

void convolve(const Input& x, const float* weights, KeptFilters* kept, const float* bias, const Output& out,
              Signs* signs, const Window& w, ptrdiff_t groups, bool relu) {
  const ptrdiff_t C = x.channels / groups, K = out.channels / groups, taps = w.kernel_h * w.kernel_w;
  if (signs) signs->forget();
  if (C == 1 && K == 1) return depthwise_convolution(x, weights, bias, relu, out, w);
  const bool writes = signs && relu && K % W == 0 && (is_picture(C, w) || suits_winograd(w));
  Bits* bits = writes ? signs->room(out.count * out.height * out.width * out.channels) : nullptr;
  for (ptrdiff_t g = 0; g < groups; g++) {
    const Input xg = x.group(g, groups);
    const Output og = out.group(g, groups);
    const float *wg = weights + g * K * C * taps, *bg = group_of(bias, g * K);
    Bits* sg = bits ? bits + g * K / W : nullptr;
    if (is_picture(C, w))
      picture_convolution(xg, wg, bg, relu, og, sg, w);
    else if (suits_winograd(w))
      winograd(xg, Mask{}, Filters{wg, C * taps, taps}, false, part_of(kept, g, false), bg, relu, og, sg,
               w.pad_h, w.pad_w);
    else
      columns_convolution(xg, wg, bg, relu, og, w);
  }
}

std::size_t most_kept_bytes(ptrdiff_t channels, ptrdiff_t filters, const Window& w, ptrdiff_t groups) {
  const ptrdiff_t C = channels / groups, K = filters / groups;
  if ((C == 1 && K == 1) || is_picture(C, w) || !suits_winograd(w)) return 0;
  return groups * (most_kept_floats(C, K) + most_kept_floats(K, C)) * sizeof(float);
}

void convolve_input_gradient(const Input& dy, const Mask& mask, const float* weights, KeptFilters* kept,
                             const Output& dx, const Window& w, ptrdiff_t groups) {
  const ptrdiff_t C = dx.channels / groups, K = dy.channels / groups, taps = w.kernel_h * w.kernel_w;
  if (C == 1 && K == 1) return depthwise_input_gradient(dy, mask, weights, dx, w);
  for (ptrdiff_t g = 0; g < groups; g++) {
    const Input yg = dy.group(g, groups);
    const Output xg = dx.group(g, groups);
    const float* wg = weights + g * K * C * taps;
    const Mask mg = mask.from(g * K);
    if (is_picture(C, w))
      scattered_input_gradient(yg, mg, wg, xg, w);
    else if (suits_winograd(w))
      winograd(yg, mg, Filters{wg, taps, C * taps}, true, part_of(kept, g, true), nullptr, false, xg,
               nullptr, 2 - w.pad_h, 2 - w.pad_w);
    else
      columns_input_gradient(yg, mg, wg, xg, w);
  }
}

}  // namespace native
