# SPDX-License-Identifier: BSD-3-Clause
# Tokens for language models: layouts, files, `ravel tokens` from end to end.
ravel_test(test_tokens)
ravel_test(test_token_files)
target_link_libraries(test_token_files PRIVATE ravel_tokens ravel_io ravel)

add_test(NAME tokens COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/tokens.sh
  $<TARGET_FILE:ravel_command> $<TARGET_FILE:write_model>)

# The worked example of docs/tokens.md.
find_package(Python3 COMPONENTS Interpreter QUIET)
find_program(ESPEAK_NG espeak-ng)
if(Python3_FOUND AND ESPEAK_NG)
  add_test(NAME babble COMMAND Python3::Interpreter ${PROJECT_SOURCE_DIR}/samples/babble.py
    --ravel $<TARGET_FILE:ravel_command> ${CMAKE_BINARY_DIR}/babble.wav)
endif()
