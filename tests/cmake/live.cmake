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
ravel_live_test(test_ring)
add_executable(test_live_threads test_live_threads.c)
target_link_libraries(test_live_threads PRIVATE ravel_flags ravel_live Threads::Threads)
add_test(NAME test_live_threads COMMAND test_live_threads)
ravel_live_test(test_loop)
add_test(NAME live
  COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/live.sh $<TARGET_FILE:ravel_command> $<TARGET_FILE:write_model>)

ravel_live_test(test_srtp)
ravel_live_test(test_rtcp)
ravel_live_test(test_certificate)

# Calls between two transports of one process.
add_library(ravel_test_transport STATIC support/transport_pair.c)
target_link_libraries(ravel_test_transport PUBLIC ravel_live PRIVATE ravel_flags)
foreach(name test_transport test_strangers)
  ravel_live_test(${name})
  target_link_libraries(${name} PRIVATE ravel_test_transport)
endforeach()

# The engine in simulated time.
add_library(ravel_test_simulated STATIC support/simulated_devices.c)
target_link_libraries(ravel_test_simulated PUBLIC ravel_live PRIVATE ravel_flags)
ravel_live_test(test_rate)
target_link_libraries(test_rate PRIVATE ravel_test_simulated)
if(RAVEL_FUZZ)
  add_executable(fuzz_rtp fuzz/fuzz_rtp.c)
  target_link_libraries(fuzz_rtp PRIVATE ravel_flags ravel_live)
  target_link_options(fuzz_rtp PRIVATE -fsanitize=fuzzer)
  add_test(NAME fuzz_rtp COMMAND fuzz_rtp -seed=1 -max_total_time=10 -max_len=400 -timeout=20)
  set_tests_properties(fuzz_rtp PROPERTIES LABELS fuzz)
  add_executable(fuzz_description fuzz/fuzz_description.c)
  target_link_libraries(fuzz_description PRIVATE ravel_flags ravel_live)
  target_link_options(fuzz_description PRIVATE -fsanitize=fuzzer)
  add_test(NAME fuzz_description COMMAND fuzz_description -seed=1 -max_total_time=10 -max_len=2000 -timeout=20
    -dict=${CMAKE_CURRENT_SOURCE_DIR}/fuzz/description.dict ${CMAKE_BINARY_DIR}/seeds/description)
  set_tests_properties(fuzz_description PROPERTIES FIXTURES_REQUIRED seeds LABELS fuzz)
  file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/fuzz_sip_corpus)
  add_executable(fuzz_sip fuzz/fuzz_sip.c)
  target_link_libraries(fuzz_sip PRIVATE ravel_flags ravel_live)
  target_compile_definitions(fuzz_sip PRIVATE _GNU_SOURCE)
  target_link_options(fuzz_sip PRIVATE -fsanitize=fuzzer)
  add_test(NAME fuzz_sip COMMAND fuzz_sip -seed=1 -max_total_time=10 -max_len=4000 -timeout=20
    -dict=${CMAKE_CURRENT_SOURCE_DIR}/fuzz/sip.dict -artifact_prefix=${CMAKE_BINARY_DIR}/
    ${CMAKE_CURRENT_BINARY_DIR}/fuzz_sip_corpus ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/sip)
  set_tests_properties(fuzz_sip PROPERTIES LABELS fuzz)
endif()

# A bad network for commands, in namespaces (relay.c says how).
if(CMAKE_SYSTEM_NAME STREQUAL Linux)
  add_executable(relay support/relay.c)
  target_link_libraries(relay PRIVATE ravel_flags m)
endif()

# A flood of hostile packets on a call; prints what it costs.
add_executable(call_flood EXCLUDE_FROM_ALL bench/call_flood.c)
target_link_libraries(call_flood PRIVATE ravel_flags ravel_test_transport ravel_live)
ravel_live_test(test_devices)
ravel_live_test(test_engine)
target_link_libraries(test_engine PRIVATE ravel_test_simulated)

if(NOT RAVEL_SANITIZE)
  ravel_watched_test(realtime_devices ravel_live)
  ravel_watched_test(realtime_loop ravel_live)
endif()

# The voice of a call, over a simulated network.
add_library(ravel_test_spoiled STATIC support/spoiled_call.c)
target_link_libraries(ravel_test_spoiled PUBLIC ravel_test_support ravel_live PRIVATE ravel_flags)
ravel_live_test(test_packet_ring)
ravel_live_test(test_payload)
ravel_live_test(test_jitter)
ravel_live_test(test_pacer)
ravel_live_test(test_plan)
ravel_live_test(test_voice)
target_link_libraries(test_voice PRIVATE ravel_test_spoiled)

# The telephone.
ravel_live_test(test_offer)
ravel_live_test(test_pins)
add_test(NAME call
  COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/call.sh $<TARGET_FILE:ravel_command> $<TARGET_FILE:write_model>)
if(NOT RAVEL_SANITIZE)
  ravel_watched_test(realtime_voice ravel_live)
endif()
if(RAVEL_FUZZ)
  add_executable(fuzz_payload fuzz/fuzz_payload.c)
  target_link_libraries(fuzz_payload PRIVATE ravel_flags ravel_test_support ravel_live)
  target_link_options(fuzz_payload PRIVATE -fsanitize=fuzzer)
  add_test(NAME fuzz_payload COMMAND fuzz_payload -seed=1 -max_total_time=10 -max_len=1000 -timeout=20
    ${CMAKE_BINARY_DIR}/seeds/payload)
  set_tests_properties(fuzz_payload PROPERTIES FIXTURES_REQUIRED seeds LABELS fuzz)
endif()
if(TARGET ravel_measure)
  add_executable(call_loss EXCLUDE_FROM_ALL bench/call_loss.c)
  target_link_libraries(call_loss PRIVATE
    ravel_flags ravel_test_spoiled ravel_measure ravel_live ravel_io ravel)
endif()
