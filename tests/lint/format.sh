#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Every C file is as clang-format 14 would write it; later versions judge a few places differently.
set -eu
. tests/lint/sources.sh

for format in clang-format-14 clang-format; do
    if command -v $format >/dev/null && $format --version | grep -q 'version 14\.'; then
        sources | xargs $format --dry-run --Werror
        exit
    fi
done
skip "clang-format 14 is not installed"
