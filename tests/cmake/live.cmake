# SPDX-License-Identifier: BSD-3-Clause
# Devices in real time, and calls.
if(NOT TARGET ravel_live)
  return()
endif()

# As ravel_test, for what is in ravel_live.
function(ravel_live_test name)
  ravel_test(${name})
  target_link_libraries(${name} PRIVATE ravel_live)
endfunction()
ravel_live_test(test_loop)

ravel_live_test(test_srtp)
ravel_live_test(test_rtcp)
ravel_live_test(test_certificate)

# Calls between two transports of one process.
add_library(ravel_test_transport STATIC support/transport_pair.c)
target_link_libraries(ravel_test_transport PUBLIC ravel_live PRIVATE ravel_flags)
ravel_live_test(test_transport)
target_link_libraries(test_transport PRIVATE ravel_test_transport)
