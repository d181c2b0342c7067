"""The cpu device's kernels in C++: convolution, pooling, normalisation, matrix products.

All arrays are float32. Pictures are channels-last, C-contiguous (N, H, W, C); weights lie as in Caffe,
(K, C / group, kh, kw). Every function writes into arrays that the caller made, and raises ValueError for
a wrong shape, type or memory order. Results depend on the number of threads at most by rounding, and never
from one run to the next. Where the kernels were not built, `available` is False and `why_not` says why.

convolve(x, weights, bias, out, pad=(0, 0), stride=(1, 1), dilation=(1, 1), group=1, relu=False, kept=None,
         signs=None)
    out (N, Ho, Wo, K) = windows of x (N, H, W, C) times weights, plus bias (K,) unless None, rectified if
    `relu`. A window that reaches past the picture reads zeros.
convolve_input_gradient(dy, weights, dx, pad, stride, dilation, group, mask=None, kept=None)
    dx (overwritten) = the gradient with respect to x. With `mask`, the rectified responses or their signs, dy
    counts as zero where they are not positive.
KeptFilters()
    As `kept`, it keeps the transforms of the weights from call to call. It must be replaced when the weights
    change. `nbytes` is what it takes. It and Signs are for one Python thread at a time.
most_kept_bytes(weights, stride, dilation, group)
    What it takes at most, for both directions.
Signs()
    As `signs`, it gets one bit for each rectified response, which serves as the mask. `size` is the number of
    responses; 0 where the responses themselves serve as well.
convolve_filter_gradient(x, dy, dw, db, pad, stride, dilation, group)
    Adds the gradients with respect to the parameters to dw and, unless None, db.
pool_max(x, out, kernel, stride, pad), pool_average(x, out, kernel, stride, pad)
    Caffe's rules: padding never is a maximum but counts in an average; what overhangs it does not.
pool_max_gradient(x, dy, dx, kernel, stride, pad), pool_average_gradient(dy, dx, kernel, stride, pad)
    dx (overwritten); a window's first maximum in row order gets its gradient.
relu(x, out, negative_slope=0), relu_gradient(y, dy, dx, negative_slope=0)
    out may be x, dx may be dy. NaN stays NaN.
lrn_across(x, out, size, alpha, beta, k), lrn_across_gradient(x, y, dy, dx, size, alpha, beta, k)
    y = x * (k + alpha / size * sum of x^2 over a window of `size` channels)^-beta.
scale_shift(x, out, scale, shift)
    out = x * scale + shift by the last axis; either may be None; out may be x.
add_scaled(out, x, a)
    out += a * x.
matmul(a, b, out, alpha=1, beta=0)
    out = alpha a b + beta out; each matrix with contiguous rows or contiguous columns. a and out may be stacks
    (count, M, K) and (count, M, N), with contiguous rows, for one b.
gram(x, out)
    out (N, N) = x^T x for x (M, N), or the sum of it over a stack (count, M, N).
squared_distance(x, y, dx, a)
    Returns the sum of (x - y)^2 of matrices with contiguous rows; dx += a (x - y).
squared_variation(x, channels, dx, a)
    Returns the sum of the squared differences of neighbours across and down, in a picture (H, W * channels)
    with contiguous rows; dx += a times half of its gradient.
set_threads(count), get_threads(); release_scratch(), scratch_bytes()
    The kernels keep and reuse up to some 40 MB of working memory until it is released.
"""

from __future__ import annotations

import importlib
import os
from functools import partial
from types import ModuleType
from typing import List

from ...errors import OptionError
from .cpus import available_cpus

NAMES = (
    "KeptFilters",
    "Signs",
    "convolve",
    "convolve_input_gradient",
    "most_kept_bytes",
    "convolve_filter_gradient",
    "pool_max",
    "pool_max_gradient",
    "pool_average",
    "pool_average_gradient",
    "relu",
    "relu_gradient",
    "lrn_across",
    "lrn_across_gradient",
    "scale_shift",
    "add_scaled",
    "matmul",
    "gram",
    "squared_distance",
    "squared_variation",
    "set_threads",
    "get_threads",
    "release_scratch",
    "scratch_bytes",
)
INSTRUCTION_SETS = ("baseline", "avx2", "avx512")  # each runs wherever a later one does

available = False
instruction_set = ""
why_not = ""


def supported() -> List[str]:
    """The instruction sets that this processor runs, best first; empty where nothing was built."""
    try:
        from ._instruction_set import best
    except ImportError:
        return []
    return list(INSTRUCTION_SETS[INSTRUCTION_SETS.index(best()) :: -1])


def load(name: str) -> ModuleType:
    """The kernels as compiled for one instruction set; ImportError where that build is not there."""
    # OpenMP reads this when it is loaded. Its threads spin while they wait, unless told otherwise: on a busy
    # machine the spinning takes the processor from those that are waited for, and all becomes several times
    # slower; on an idle one sleeping costs nothing that could be measured.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    return importlib.import_module("._kernels_" + name, __name__)


def _load_best() -> None:
    global available, instruction_set, why_not
    candidates = supported()
    wished = os.environ.get("CAFFE_STYLE_ISA")
    if wished and candidates:
        if wished not in candidates:
            raise OptionError(
                "CAFFE_STYLE_ISA=%s: this machine has %s" % (wished, ", ".join(candidates))
            )
        candidates = [wished]
    why_not = "they were not built: install with a C++17 compiler (g++ or clang)"
    for name in candidates:
        try:
            kernels = load(name)
        except ImportError as error:
            why_not = str(error)
            continue
        if not all(hasattr(kernels, each) for each in NAMES):
            why_not = "they were built from an older version: install again"
            continue
        globals().update({each: getattr(kernels, each) for each in NAMES})
        kernels.set_threads(available_cpus())
        # GNU OpenMP's threads do not survive a fork; one thread needs none.
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=partial(kernels.set_threads, 1))
        available, instruction_set, why_not = True, name, ""
        return


_load_best()
