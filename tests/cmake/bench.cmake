# SPDX-License-Identifier: BSD-3-Clause
# Benchmarks: built by name only, run by hand (docs/performance.md).
find_package(Threads REQUIRED)
add_executable(bench_matmul EXCLUDE_FROM_ALL bench/matmul.c)
target_link_libraries(bench_matmul PRIVATE ravel_flags ravel_peak ravel m)


add_executable(bench_scaling EXCLUDE_FROM_ALL bench/scaling.c)
target_link_libraries(bench_scaling PRIVATE ravel_flags ravel_test_support ravel Threads::Threads m)
