// Working memory that the kernels share and reuse, so that a steady state allocates nothing.
#pragma once

#include <cstddef>
#include <mutex>

namespace native {

// Holds the scratch memory for the time of one kernel; kernels of other Python threads wait.
class Scratch {
 public:
  // Floats that all later take() calls together may need; take() itself rounds up to cache lines.
  explicit Scratch(std::size_t floats);
  // The next `floats` of it, aligned to a cache line.
  float* take(std::size_t floats);

  // What take(floats) uses up: for adding up the constructor's argument.
  static std::size_t rounded(std::size_t floats) { return (floats + 15) / 16 * 16; }

 private:
  std::lock_guard<std::mutex> held_;
  float* next_;
  float* end_;
};

// Gives the memory back to the system; the next kernel allocates anew.
void release_scratch();
std::size_t scratch_bytes();

}  // namespace native
