// Maximum and average pooling of channels-last pictures, with Caffe's rules for windows at the border.
#pragma once

#include "convolution.h"

namespace native {

void pool_max(const Input& x, const Output& out, const Window& window);
void pool_max_gradient(const Input& x, const Input& dy, const Output& dx, const Window& window);
void pool_average(const Input& x, const Output& out, const Window& window);
void pool_average_gradient(const Input& dy, const Output& dx, const Window& window);

}  // namespace native
