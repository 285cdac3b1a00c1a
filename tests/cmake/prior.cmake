# SPDX-License-Identifier: BSD-3-Clause
# The prior against its twin in PyTorch, through the exporter, where PyTorch is installed.
add_executable(run_prior support/run_prior.c)
target_link_libraries(run_prior PRIVATE ravel_flags ravel_test_support ravel_io ravel m)
if(Python3_FOUND)
  add_test(NAME prior_twin COMMAND Python3::Interpreter
    ${CMAKE_CURRENT_SOURCE_DIR}/reference/prior.py $<TARGET_FILE:write_model> $<TARGET_FILE:run_prior>)
  set_tests_properties(prior_twin PROPERTIES SKIP_RETURN_CODE 77)
endif()
