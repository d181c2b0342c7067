#include "scratch.h"

#include <cstdlib>
#include <new>
#include <stdexcept>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace native {

static std::mutex mutex;
static float* memory = nullptr;
static std::size_t capacity = 0;  // bytes

static float* reserve(std::size_t bytes) {
  const std::size_t page = std::size_t(1) << 21;
  if (bytes > capacity) {
    std::free(memory);
    memory = nullptr;
    capacity = 0;
    const std::size_t rounded = (bytes + page - 1) / page * page;
    memory = static_cast<float*>(std::aligned_alloc(page, rounded));
    if (!memory) throw std::bad_alloc();
    capacity = rounded;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    madvise(memory, rounded, MADV_HUGEPAGE);  // the transforms stride over many pages at once
#endif
  }
  return memory;
}

Scratch::Scratch(std::size_t floats) : held_(mutex) {
  next_ = reserve(rounded(floats) * sizeof(float));
  end_ = next_ + rounded(floats);
}

float* Scratch::take(std::size_t floats) {
  float* result = next_;
  next_ += rounded(floats);
  if (next_ > end_) throw std::logic_error("a kernel reserved too little scratch memory");
  return result;
}

void release_scratch() {
  std::lock_guard<std::mutex> held(mutex);
  std::free(memory);
  memory = nullptr;
  capacity = 0;
}

std::size_t scratch_bytes() {
  std::lock_guard<std::mutex> held(mutex);
  return capacity;
}

}  // namespace native
