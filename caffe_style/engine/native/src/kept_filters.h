// Filters as Winograd's algorithm transforms them, kept from call to call while the weights stay the same.
#pragma once

#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

namespace native {

// The transformed filters of one group for one direction.
class KeptPart {
 public:
  // Room for so many floats, aligned to a cache line. What was there is lost if its size was another one.
  float* room(std::size_t floats) {
    if (floats != floats_) {
      floats_ = 0;
      memory_.reset();  // before the new memory is taken
      memory_.reset(static_cast<float*>(std::aligned_alloc(64, (4 * floats + 63) / 64 * 64)));
      if (!memory_) throw std::bad_alloc();
      floats_ = floats;
    }
    return memory_.get();
  }
  std::size_t floats() const { return floats_; }

 private:
  struct Free {
    void operator()(float* memory) const { std::free(memory); }
  };
  std::unique_ptr<float, Free> memory_;
  std::size_t floats_ = 0;
};

// Those of a layer.
class KeptFilters {
 public:
  KeptPart& part(std::size_t group, bool reversed) {
    const std::size_t index = 2 * group + reversed;
    if (index >= parts_.size()) parts_.resize(index + 1);
    return parts_[index];
  }

  std::size_t bytes() const {
    std::size_t floats = 0;
    for (const KeptPart& part : parts_) floats += part.floats();
    return floats * sizeof(float);
  }

 private:
  std::vector<KeptPart> parts_;
};

}  // namespace native
