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
