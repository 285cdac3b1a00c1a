# SPDX-License-Identifier: BSD-3-Clause
# Benchmarks: built by name only, run by hand (docs/performance.md).
find_package(Threads REQUIRED)
add_executable(bench_matmul EXCLUDE_FROM_ALL bench/matmul.c)
target_link_libraries(bench_matmul PRIVATE ravel_flags ravel_peak ravel m)

add_executable(bench_layers EXCLUDE_FROM_ALL bench/layers.c bench/products.c)
target_link_libraries(bench_layers PRIVATE ravel_flags ravel m)

add_executable(bench_scaling EXCLUDE_FROM_ALL bench/scaling.c)
target_link_libraries(bench_scaling PRIVATE ravel_flags ravel_test_support ravel Threads::Threads m)

# Sound that goes out and comes back: tests/bench/mouth_to_ear.sh, tests/bench/live_load.sh.
pkg_check_modules(JACK IMPORTED_TARGET jack)
if(JACK_FOUND AND TARGET ravel_live)
  add_executable(mouth_to_ear EXCLUDE_FROM_ALL bench/mouth_to_ear.c)
  target_compile_definitions(mouth_to_ear PRIVATE _DEFAULT_SOURCE)
  target_link_libraries(mouth_to_ear PRIVATE ravel_flags PkgConfig::JACK m)
  add_executable(portaudio_loopback EXCLUDE_FROM_ALL bench/portaudio_loopback.c)
  target_link_libraries(portaudio_loopback PRIVATE ravel_flags PkgConfig::PORTAUDIO)
endif()
