// Which build of the kernels this processor (and operating system) can run. Compiled for the baseline.
#include <pybind11/pybind11.h>

static const char* best() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    return "avx512";
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "avx2";
#endif
  return "baseline";
}

PYBIND11_MODULE(_instruction_set, m) { m.def("best", &best); }
