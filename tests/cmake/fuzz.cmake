# SPDX-License-Identifier: BSD-3-Clause
# Fuzz targets, each run for a few seconds by ctest and for as long as one likes by hand:
#
#     build-asan/fuzz_stream -dict=... -max_total_time=600 corpus build-asan/seeds/stream
#
# ctest's runs begin with the same inputs each time: what fails there fails again, and is a fault of
# the change. What others than these find is found by hand, and becomes a test.
find_package(PkgConfig REQUIRED)
pkg_check_modules(FUZZ_OGG REQUIRED IMPORTED_TARGET ogg)

add_executable(make_seeds fuzz/make_seeds.c)
target_link_libraries(make_seeds PRIVATE ravel_flags ravel_test_support ravel_io ravel)
add_test(NAME fuzz_seeds COMMAND make_seeds ${CMAKE_BINARY_DIR}/seeds)
set_tests_properties(fuzz_seeds PROPERTIES FIXTURES_SETUP seeds)

function(ravel_fuzz name)
  add_executable(fuzz_${name} fuzz/fuzz_${name}.c)
  target_link_libraries(fuzz_${name} PRIVATE
    ravel_flags ravel_test_support ravel_io ravel PkgConfig::FUZZ_OGG)
  target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  add_test(NAME fuzz_${name} COMMAND fuzz_${name} ${ARGN}
    -seed=1 -max_total_time=10 -rss_limit_mb=2048 -timeout=20 -print_final_stats=1
    ${CMAKE_BINARY_DIR}/seeds/${name})
  set_tests_properties(fuzz_${name} PROPERTIES FIXTURES_REQUIRED seeds LABELS fuzz)
endfunction()

ravel_fuzz(model -dict=${CMAKE_CURRENT_SOURCE_DIR}/fuzz/model.dict)
ravel_fuzz(import -dict=${CMAKE_CURRENT_SOURCE_DIR}/fuzz/import.dict)
foreach(name model import)
  target_sources(fuzz_${name} PRIVATE
    fuzz/run_model.c fuzz/mutate_json.c fuzz/mutate_tensors.c)
  target_link_libraries(fuzz_${name} PRIVATE PkgConfig::CJSON)
endforeach()
ravel_fuzz(block)
ravel_fuzz(packet)
ravel_fuzz(stream)
ravel_fuzz(wav)
