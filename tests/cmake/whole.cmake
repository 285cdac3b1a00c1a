# SPDX-License-Identifier: BSD-3-Clause
# The codec as a whole: threads, real time, memory. "once": not with sanitizers, which have their own
# malloc and their own memory.
find_package(Threads REQUIRED)

add_executable(test_threads test_threads.c)
target_link_libraries(test_threads PRIVATE ravel_flags ravel_test_support ravel Threads::Threads)
add_test(NAME test_threads COMMAND test_threads)

# ravel_watched_test(NAME LIBRARY): a program that watches its own steps for allocations, locks and
# system calls.
function(ravel_watched_test name library)
  add_executable(${name} ${name}.c support/watched.c)
  target_link_libraries(${name} PRIVATE
    ravel_flags ravel_test_support ${library} ${CMAKE_DL_LIBS})
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS once)
endfunction()

if(NOT RAVEL_SANITIZE)
  ravel_watched_test(realtime ravel)

  add_executable(memory memory.c)
  target_link_libraries(memory PRIVATE ravel_flags ravel_test_support ravel)
  add_test(NAME memory COMMAND memory $<TARGET_FILE:ravel_command>)
  set_tests_properties(memory PROPERTIES LABELS once)
endif()
