# SPDX-License-Identifier: BSD-3-Clause
# Equal bits on every machine: run in the release, clang and arm64 builds (label "bits").
add_executable(golden golden.c)
target_link_libraries(golden PRIVATE ravel_flags ravel_test_support ravel m)

function(ravel_golden_test name)
  add_test(NAME ${name} COMMAND golden ${ARGN} ${CMAKE_CURRENT_SOURCE_DIR}/golden.txt)
  set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77 LABELS bits)
endfunction()

ravel_golden_test(golden)
ravel_golden_test(golden_ftz --ftz)
# Every instruction set by name, but not in emulation or with sanitizers, where they take minutes.
if(NOT CMAKE_CROSSCOMPILING AND NOT RAVEL_SANITIZE)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
    set(cpus c neon)
  else()
    set(cpus c avx2 avx512)
  endif()
  foreach(cpu ${cpus})
    ravel_golden_test(golden_${cpu})
    set_tests_properties(golden_${cpu} PROPERTIES ENVIRONMENT RAVEL_CPU=${cpu})
  endforeach()
endif()

# The kernels one by one, every variant that runs here.
add_executable(kernel_hash kernel_hash.c support/kernel_cases.c)
target_link_libraries(kernel_hash PRIVATE ravel_flags ravel m)
add_test(NAME kernel_hash COMMAND kernel_hash ${CMAKE_CURRENT_SOURCE_DIR}/kernel_hashes.txt)
set_tests_properties(kernel_hash PROPERTIES LABELS bits)
