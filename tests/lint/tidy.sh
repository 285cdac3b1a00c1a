#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# tidy.sh BUILD: clang-tidy, with the checks of .clang-tidy, on every file that BUILD compiles.
set -eu
. tests/lint/sources.sh

command -v clang-tidy >/dev/null || skip "clang-tidy is not installed"
# The tests' macros (Criterion) break the rules for function sizes; the library's code is what counts.
sed -n 's/^ *"file": "\(.*\)",*$/\1/p' "$1/compile_commands.json" | grep '\.c$' |
    grep -v '/tests/test_' | sort -u |
    xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p "$1" 2>/dev/null
