# SPDX-License-Identifier: BSD-3-Clause
# Tokens for language models: layouts, files, `ravel tokens` from end to end.
ravel_test(test_tokens)
ravel_test(test_token_files)
target_link_libraries(test_token_files PRIVATE ravel_tokens ravel_io ravel)

add_test(NAME tokens COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/tokens.sh
  $<TARGET_FILE:ravel_command> $<TARGET_FILE:write_model>)
