#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# headers.sh: each public header compiles by itself as C11 and as C++17, without a warning.
set -eu

check()
{
    compiler=$1
    shift
    for header in include/ravel/*.h; do
        echo "#include \"ravel/$(basename "$header")\"" |
            "$compiler" "$@" -Wall -Wextra -pedantic -Werror -Iinclude -fsyntax-only -
    done
    echo "$compiler: $*"
}

found=
for compiler in gcc clang; do
    command -v $compiler >/dev/null && check $compiler -std=c11 -x c
done
for compiler in g++ clang++; do
    command -v $compiler >/dev/null && check $compiler -std=c++17 -x c++ && found=yes
done
[ -n "$found" ] || { echo "SKIPPED: no C++ compiler"; exit 77; }
