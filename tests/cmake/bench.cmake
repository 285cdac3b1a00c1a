# SPDX-License-Identifier: BSD-3-Clause
# Benchmarks: built by name only, run by hand (docs/performance.md).
add_executable(bench_matmul EXCLUDE_FROM_ALL bench/matmul.c)
target_link_libraries(bench_matmul PRIVATE ravel_flags ravel_peak ravel m)

