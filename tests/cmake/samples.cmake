# SPDX-License-Identifier: BSD-3-Clause
# The programs that show how the library is used; they need no more than its public header.
foreach(sample encode_decode live_loop)
  add_executable(sample_${sample} ${PROJECT_SOURCE_DIR}/samples/${sample}.c)
  target_link_libraries(sample_${sample} PRIVATE ravel_flags ravel m)
  add_test(NAME sample_${sample} COMMAND sample_${sample})
endforeach()
