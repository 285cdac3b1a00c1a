# SPDX-License-Identifier: BSD-3-Clause
# What is installed, in three components: the libraries (lib), what programs are built with (dev),
# the command (ravel).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(RAVEL_ZSH_DIR ${CMAKE_INSTALL_DATADIR}/zsh/site-functions
  CACHE STRING "Where the completion for zsh goes")

# The libraries and their headers.
set(headers include/ravel/ravel.h include/ravel/tokens.h)
if(RAVEL_IO)
  list(APPEND headers include/ravel/io.h)
endif()
install(FILES ${headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ravel COMPONENT dev)
install(TARGETS ${RAVEL_PUBLIC_LIBRARIES} EXPORT ravelTargets
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT lib NAMELINK_COMPONENT dev
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

# For find_package.
set(cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/ravel)
configure_package_config_file(cmake/ravelConfig.cmake.in
  ${PROJECT_BINARY_DIR}/ravelConfig.cmake INSTALL_DESTINATION ${cmake_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/ravelConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(EXPORT ravelTargets NAMESPACE Ravel:: DESTINATION ${cmake_dir} COMPONENT dev)
install(FILES
  ${PROJECT_BINARY_DIR}/ravelConfig.cmake ${PROJECT_BINARY_DIR}/ravelConfigVersion.cmake
  DESTINATION ${cmake_dir} COMPONENT dev)

# For pkg-config. A shared library brings what it needs; an archive's needs are named to every program.
function(ravel_pkg_config name)
  if(NOT BUILD_SHARED_LIBS)
    set(ARCHIVE_REQUIRES "${ARGN}")
    set(ARCHIVE_LIBS " -lm")
  endif()
  configure_file(cmake/${name}.pc.in ${PROJECT_BINARY_DIR}/${name}.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${name}.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)
endfunction()
ravel_pkg_config(ravel "libcjson")
if(RAVEL_IO)
  ravel_pkg_config(ravel_io ", sndfile, ogg")
endif()

# The command, its manual and its completions.
if(RAVEL_IO)
  install(TARGETS ravel_command RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT ravel)
  file(GLOB pages ${PROJECT_SOURCE_DIR}/man/*.1)
  if(NOT TARGET ravel_measure) # built without ravel compare
    list(FILTER pages EXCLUDE REGEX ravel-compare)
  endif()
  if(NOT TARGET ravel_live) # built without ravel live and ravel call
    list(FILTER pages EXCLUDE REGEX "ravel-(live|call)")
  endif()
  install(FILES ${pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT ravel)
  install(FILES completions/ravel.bash RENAME ravel
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT ravel)
  install(FILES completions/_ravel DESTINATION ${RAVEL_ZSH_DIR} COMPONENT ravel)
endif()

install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT ravel)
install(FILES models/README.md RENAME model.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT ravel)

if(PROJECT_IS_TOP_LEVEL)
  include(cmake/debian.cmake)
endif()
