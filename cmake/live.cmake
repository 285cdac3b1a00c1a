# SPDX-License-Identifier: BSD-3-Clause
# ravel_live: devices and calls, of the command alone. -DRAVEL_LIVE=OFF, or a missing library, leaves
# it out; the command then says so. Who links it sees RAVEL_LIVE defined.
pkg_check_modules(PORTAUDIO IMPORTED_TARGET portaudio-2.0)
pkg_check_modules(SPEEXDSP IMPORTED_TARGET speexdsp)
pkg_check_modules(OPUS IMPORTED_TARGET opus)
pkg_check_modules(LIBRE IMPORTED_TARGET libre)
pkg_check_modules(SRTP IMPORTED_TARGET libsrtp2)
pkg_check_modules(OPENSSL IMPORTED_TARGET libssl>=3 libcrypto)
if(NOT (PORTAUDIO_FOUND AND SPEEXDSP_FOUND AND OPUS_FOUND AND LIBRE_FOUND AND SRTP_FOUND
    AND OPENSSL_FOUND))
  message(STATUS "ravel live and ravel call are left out: they need portaudio-2.0, speexdsp, opus, libre, libsrtp2 and libssl 3")
  return()
endif()
find_package(Threads REQUIRED)

add_library(ravel_live STATIC)
target_compile_definitions(ravel_live PRIVATE _GNU_SOURCE INTERFACE RAVEL_LIVE)
target_link_libraries(ravel_live
  PRIVATE ravel_flags
  PUBLIC ravel_io PkgConfig::PORTAUDIO PkgConfig::SPEEXDSP PkgConfig::OPUS PkgConfig::LIBRE
    PkgConfig::SRTP PkgConfig::OPENSSL Threads::Threads ${CMAKE_DL_LIBS} m)
add_subdirectory(audio_io/live)
add_subdirectory(audio_io/call)
add_subdirectory(audio_io/call/transport)
add_subdirectory(audio_io/call/voice)
