# SPDX-License-Identifier: BSD-3-Clause
# Benchmarks: built by name only, run by hand.
add_executable(bench_matmul EXCLUDE_FROM_ALL bench/matmul.c)
target_link_libraries(bench_matmul PRIVATE ravel_flags ravel m)

# What the multiply-adders of this core can do, in each instruction set that nn/ is built for.
function(ravel_bench_peak name)
  add_library(bench_peak_${name} OBJECT EXCLUDE_FROM_ALL bench/peak.c)
  target_link_libraries(bench_peak_${name} PRIVATE ravel_flags)
  target_compile_definitions(bench_peak_${name} PRIVATE PEAK=peak_${name})
  target_compile_options(bench_peak_${name} PRIVATE ${ARGN})
  target_link_libraries(bench_matmul PRIVATE bench_peak_${name})
endfunction()

ravel_bench_peak(c)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
  ravel_bench_peak(avx2 -DRAVEL_SIMD_AVX2 -mavx2 -mfma -mf16c)
  ravel_bench_peak(avx512 -DRAVEL_SIMD_AVX512 -mavx512f -mavx512vl -mavx512bw -mavx512dq)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  ravel_bench_peak(neon -DRAVEL_SIMD_NEON)
endif()

# The built-in model on one core, with the bars that it must clear.
add_executable(first_look EXCLUDE_FROM_ALL bench/first_look.c)
target_link_libraries(first_look PRIVATE ravel_flags ravel_test_support ravel m)
