#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# cppcheck on the library and the command.
set -eu
. tests/lint/sources.sh

command -v cppcheck >/dev/null || skip "cppcheck is not installed"
# legacyUninitvar: sees a variable in the designator `.packet =` of a structure.
cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr -j "$(nproc)" \
    --enable=warning,performance,portability --suppress=missingIncludeSystem --suppress=legacyUninitvar \
    -I . -I include nn rvq codec audio_io tools
