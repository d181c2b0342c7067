// How many threads the kernels use, and who the calling one is.
#pragma once

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace native {

void set_threads(int count);
int threads();

inline int thread_index() {
#if defined(_OPENMP)
  return omp_get_thread_num();
#else
  return 0;
#endif
}

}  // namespace native
