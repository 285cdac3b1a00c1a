# SPDX-License-Identifier: BSD-3-Clause
# The shared libraries, of the archives' objects. Each exports the public functions of its header and
# nothing else. The inner functions that libravel_io and the command use are taken from the archives
# into them: they have no state, and the built-in model stays in libravel alone.

# Raised as docs/packaging.md says, for both libraries together.
set(RAVEL_SOVERSION 0)

function(ravel_shared_library name)
  set(map ${PROJECT_SOURCE_DIR}/cmake/lib${name}.map)
  add_library(${name}_shared SHARED $<TARGET_OBJECTS:${name}>)
  set_target_properties(${name}_shared PROPERTIES
    OUTPUT_NAME ${name}
    LINKER_LANGUAGE C
    VERSION ${PROJECT_VERSION}
    SOVERSION ${RAVEL_SOVERSION}
    LINK_DEPENDS ${map})
  target_include_directories(${name}_shared PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>)
  target_link_libraries(${name}_shared PRIVATE $<BUILD_INTERFACE:ravel_flags>)
  if(UNIX AND NOT APPLE)
    target_link_options(${name}_shared PRIVATE LINKER:--version-script=${map})
  endif()
  if(NOT BUILD_SHARED_LIBS)
    set_target_properties(${name}_shared PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
endfunction()

ravel_shared_library(ravel)
target_link_libraries(ravel_shared PRIVATE PkgConfig::CJSON m)
if(RAVEL_IO)
  ravel_shared_library(ravel_io)
  target_link_libraries(ravel_io_shared
    PUBLIC ravel_shared
    PRIVATE ravel PkgConfig::SNDFILE PkgConfig::OGG)
endif()

# What is installed and what programs link.
set(suffix)
if(BUILD_SHARED_LIBS)
  set(suffix _shared)
endif()
add_library(Ravel::ravel ALIAS ravel${suffix})
set(RAVEL_PUBLIC_LIBRARIES ravel${suffix})
set_target_properties(ravel${suffix} PROPERTIES EXPORT_NAME ravel)
if(RAVEL_IO)
  add_library(Ravel::io ALIAS ravel_io${suffix})
  list(APPEND RAVEL_PUBLIC_LIBRARIES ravel_io${suffix})
  set_target_properties(ravel_io${suffix} PROPERTIES EXPORT_NAME io)
endif()
