# SPDX-License-Identifier: BSD-3-Clause
# The command from end to end.
add_executable(write_model support/write_model.c)
target_link_libraries(write_model PRIVATE ravel_flags ravel_test_support ravel m)
add_test(NAME cli
  COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/cli.sh $<TARGET_FILE:ravel_command> $<TARGET_FILE:write_model>)
