# SPDX-License-Identifier: BSD-3-Clause
# Debian packages: libravel0, libravel-dev and ravel, by `cpack` in a build with shared libraries
# (the preset "package"; docs/packaging.md).
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "The Ravel authors")
set(CPACK_PACKAGING_INSTALL_PREFIX ${CMAKE_INSTALL_PREFIX})
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${PROJECT_BINARY_DIR})
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")

set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/debian_stage.cmake)

# ravel_debian_package(COMPONENT NAME SECTION SUMMARY DESCRIPTION [DEPENDS]); licence and changes are
# where Debian looks for them.
macro(ravel_debian_package component name section summary description)
  string(TOUPPER ${component} key)
  set(CPACK_DEBIAN_${key}_PACKAGE_NAME ${name})
  set(CPACK_DEBIAN_${key}_PACKAGE_SECTION ${section})
  set(CPACK_DEBIAN_${key}_DESCRIPTION "${summary}\n${description}")
  set(CPACK_DEBIAN_${key}_PACKAGE_DEPENDS "${ARGN}")
  set(doc ${CMAKE_INSTALL_DATADIR}/doc/${name})
  install(FILES LICENSE DESTINATION ${doc} RENAME copyright
    COMPONENT ${component} EXCLUDE_FROM_ALL)
  install(FILES CHANGELOG.md DESTINATION ${doc} RENAME changelog
    COMPONENT ${component} EXCLUDE_FROM_ALL)
endmacro()

# Of the command and the libraries only those of one version fit: they share inner functions.
set(library libravel${RAVEL_SOVERSION})
set(same_library "${library} (= ${PROJECT_VERSION})")
ravel_debian_package(lib ${library} libs "neural audio codec, shared libraries"
  "Ravel turns speech into a few discrete tokens and back, at 0.5 to 6 kb/s:
libravel codes in memory, by steps of a frame; libravel_io reads and writes
sound files and .rvl streams.")
ravel_debian_package(dev libravel-dev libdevel "neural audio codec, development files"
  "Headers, pkg-config and CMake files to build programs with libravel and
libravel_io." "${same_library}")
ravel_debian_package(ravel ravel sound "neural audio codec for speech"
  "Encodes speech to .rvl streams of 0.5 to 6 kb/s and decodes them; tells what
is in a stream; makes tokens for language models; imports published codecs." "${same_library}")
set(CPACK_COMPONENTS_ALL lib dev ravel)
include(CPack)
