# SPDX-License-Identifier: BSD-3-Clause
# The rules of the house as tests (label "lint").

# The shared libraries, where they are not built anyway, to see what they export.
add_test(NAME lint_exports_build COMMAND
  ${CMAKE_COMMAND} --build ${CMAKE_BINARY_DIR} --target ravel_shared ravel_io_shared)
set_tests_properties(lint_exports_build PROPERTIES FIXTURES_SETUP exports LABELS lint)

function(ravel_lint name)
  add_test(NAME lint_${name} COMMAND tests/lint/${name}.sh ${ARGN}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(lint_${name} PROPERTIES SKIP_RETURN_CODE 77 LABELS lint)
endfunction()

ravel_lint(format)
ravel_lint(tidy ${CMAKE_BINARY_DIR})
ravel_lint(cppcheck)
ravel_lint(symbols $<TARGET_FILE:ravel_shared> $<TARGET_FILE:ravel_io_shared>
  $<TARGET_FILE:ravel> $<TARGET_FILE:ravel_io>)
set_tests_properties(lint_symbols PROPERTIES FIXTURES_REQUIRED exports)

# The examples of README.md.
add_test(NAME readme COMMAND tests/readme.sh ${CMAKE_BINARY_DIR}
  WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
