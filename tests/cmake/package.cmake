# SPDX-License-Identifier: BSD-3-Clause
# What is installed, used from outside the tree (label "package").
function(ravel_package_test name)
  add_test(NAME ${name} COMMAND ${ARGN} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES SKIP_RETURN_CODE 77 LABELS package)
endfunction()

ravel_package_test(headers tests/headers.sh)
ravel_package_test(manual tests/manual.sh $<TARGET_FILE:ravel_command>)

# Installed into a folder; with shared libraries also as Debian packages, unpacked into another.
function(ravel_staged_test name)
  set(stage ${PROJECT_BINARY_DIR}/${name})
  set(prefix ${stage}${CMAKE_INSTALL_PREFIX})
  ravel_package_test(${name}_stage tests/stage.sh ${PROJECT_BINARY_DIR} ${stage} ${ARGN})
  ravel_package_test(${name} tests/package.sh ${prefix})
  set_tests_properties(${name}_stage PROPERTIES FIXTURES_SETUP ${name})
  set_tests_properties(${name} PROPERTIES FIXTURES_REQUIRED ${name})
  if(BUILD_SHARED_LIBS)
    ravel_package_test(${name}_symbols tests/lint/symbols.sh
      ${prefix}/${CMAKE_INSTALL_LIBDIR}/libravel.so ${prefix}/${CMAKE_INSTALL_LIBDIR}/libravel_io.so)
    set_tests_properties(${name}_symbols PROPERTIES FIXTURES_REQUIRED ${name})
  endif()
endfunction()
ravel_staged_test(installed)
if(NOT BUILD_SHARED_LIBS)
  return()
endif()
ravel_staged_test(debian deb)

# As a part of another project, by FetchContent.
ravel_package_test(part_configure ${CMAKE_COMMAND} -S tests/package -B ${PROJECT_BINARY_DIR}/part
  -G ${CMAKE_GENERATOR} -DCMAKE_C_COMPILER=${CMAKE_C_COMPILER} -DRAVEL_SOURCE=${PROJECT_SOURCE_DIR})
ravel_package_test(part ${CMAKE_COMMAND} --build ${PROJECT_BINARY_DIR}/part --target program)
set_tests_properties(part_configure PROPERTIES FIXTURES_SETUP part)
set_tests_properties(part PROPERTIES FIXTURES_REQUIRED part)
