# SPDX-License-Identifier: BSD-3-Clause
# Tests of streaming layers, over what holds for every layer.
function(ravel_layer_test name)
  ravel_test(${name})
  target_sources(${name} PRIVATE support/layer_check.c)
endfunction()
ravel_layer_test(test_conv)
ravel_layer_test(test_fold)
ravel_layer_test(test_fourier)
ravel_layer_test(test_harmonic_noise)
ravel_layer_test(test_layers)
ravel_layer_test(test_noise)
ravel_layer_test(test_segment)
target_sources(test_segment PRIVATE support/quantizers.c)
ravel_layer_test(test_sequence)
ravel_layer_test(test_whole)

# The layers against their twins in PyTorch, where that is installed.
add_executable(run_layer support/run_layer.c)
target_link_libraries(run_layer PRIVATE ravel_flags ravel_test_support ravel PkgConfig::CJSON)
find_package(Python3 COMPONENTS Interpreter QUIET)
if(Python3_FOUND)
  add_test(NAME layer_twins COMMAND Python3::Interpreter
    ${CMAKE_CURRENT_SOURCE_DIR}/reference/layers.py $<TARGET_FILE:run_layer>)
  # The published codecs in PyTorch against the vectors that their own code made.
  add_test(NAME published_vectors COMMAND Python3::Interpreter
    ${CMAKE_CURRENT_SOURCE_DIR}/reference/published_vectors.py ${PROJECT_SOURCE_DIR}/../shared)
  # The library against those that no vectors are published of, by checkpoints that they write.
  add_test(NAME imported_twins COMMAND Python3::Interpreter
    ${CMAKE_CURRENT_SOURCE_DIR}/reference/imported_twins.py $<TARGET_FILE:conformance>)
  set_tests_properties(layer_twins published_vectors imported_twins PROPERTIES SKIP_RETURN_CODE 77)
endif()
