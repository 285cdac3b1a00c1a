# SPDX-License-Identifier: BSD-3-Clause
# Measures, and `ravel compare`, where that is built.
if(NOT TARGET ravel_measure)
  return()
endif()
ravel_test(test_measure)
target_sources(test_measure PRIVATE support/measure_cases.c)
target_link_libraries(test_measure PRIVATE ravel_measure)

ravel_test(test_canvas)
target_link_libraries(test_canvas PRIVATE ravel_picture ravel_io ravel)

# Against pystoi and NumPy, where they are installed.
add_executable(run_measure support/run_measure.c support/measure_cases.c)
target_link_libraries(run_measure PRIVATE ravel_flags ravel_test_support ravel_measure)
if(Python3_FOUND)
  add_test(NAME measures COMMAND Python3::Interpreter
    ${CMAKE_CURRENT_SOURCE_DIR}/reference/measures.py $<TARGET_FILE:run_measure>)
  set_tests_properties(measures PROPERTIES SKIP_RETURN_CODE 77)
endif()

add_test(NAME compare COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/compare.sh
  $<TARGET_FILE:ravel_command> $<TARGET_FILE:run_measure> $<TARGET_FILE:write_model>)

# Ways to conceal losses, side by side: run by hand.
add_executable(bench_conceal EXCLUDE_FROM_ALL bench/conceal.c)
target_link_libraries(bench_conceal PRIVATE ravel_flags ravel_measure ravel_io ravel)
