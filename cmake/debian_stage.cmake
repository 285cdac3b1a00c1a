# SPDX-License-Identifier: BSD-3-Clause
# Run by cpack on what is to be packed: Debian wants manual pages and changelogs compressed.
file(GLOB_RECURSE files
  ${CPACK_TEMPORARY_DIRECTORY}/ravel*.1 ${CPACK_TEMPORARY_DIRECTORY}/changelog)
execute_process(COMMAND gzip -9n ${files} COMMAND_ERROR_IS_FATAL ANY)
