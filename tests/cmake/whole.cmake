# SPDX-License-Identifier: BSD-3-Clause
# The codec as a whole: threads, real time, memory. "once": not with sanitizers, which have their own
# malloc and their own memory.
find_package(Threads REQUIRED)

add_executable(test_threads test_threads.c)
target_link_libraries(test_threads PRIVATE ravel_flags ravel_test_support ravel Threads::Threads)
add_test(NAME test_threads COMMAND test_threads)

if(NOT RAVEL_SANITIZE)
  add_executable(realtime realtime.c support/watched.c)
  target_link_libraries(realtime PRIVATE ravel_flags ravel_test_support ravel ${CMAKE_DL_LIBS})
  add_test(NAME realtime COMMAND realtime)

  add_executable(memory memory.c)
  target_link_libraries(memory PRIVATE ravel_flags ravel_test_support ravel)
  add_test(NAME memory COMMAND memory $<TARGET_FILE:ravel_command>)
  set_tests_properties(realtime memory PROPERTIES LABELS once)
endif()
