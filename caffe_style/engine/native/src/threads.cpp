#include "threads.h"

#include <atomic>

namespace native {

static std::atomic<int> count{1};

void set_threads(int n) { count = n < 1 ? 1 : n; }

int threads() {
#if defined(_OPENMP)
  return count;
#else
  return 1;
#endif
}

}  // namespace native
