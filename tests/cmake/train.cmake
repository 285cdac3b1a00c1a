# SPDX-License-Identifier: BSD-3-Clause
# The training recipe, where PyTorch and what else train/requirements.txt names are installed. Not
# with sanitizers: most of it is not ours.
if(NOT RAVEL_SANITIZE)
  find_package(Python3 COMPONENTS Interpreter QUIET)
  if(Python3_FOUND)
    add_test(NAME train_smoke COMMAND Python3::Interpreter
      ${CMAKE_CURRENT_SOURCE_DIR}/train_smoke.py $<TARGET_FILE:ravel_command>)
    add_test(NAME to_safetensors COMMAND Python3::Interpreter
      ${CMAKE_CURRENT_SOURCE_DIR}/to_safetensors.py ${PROJECT_SOURCE_DIR}/../shared)
    set_tests_properties(train_smoke PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 900 LABELS once)
    set_tests_properties(to_safetensors PROPERTIES SKIP_RETURN_CODE 77 LABELS once)
  endif()
endif()
