#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# headers.sh: each public header compiles by itself as C11 and as C++17, without a warning.
set -eu

check()
{
    compiler=$1
    shift
    command -v "$compiler" >/dev/null || return 0
    for header in include/ravel/*.h; do
        echo "#include \"ravel/$(basename "$header")\"" |
            "$compiler" "$@" -Wall -Wextra -pedantic -Werror -Iinclude -fsyntax-only -
    done
    echo "$compiler: $*"
}

check gcc -std=c11 -x c
check clang -std=c11 -x c
check g++ -std=c++17 -x c++
check clang++ -std=c++17 -x c++
if ! command -v g++ >/dev/null && ! command -v clang++ >/dev/null; then
    echo "SKIPPED: no C++ compiler"
    exit 77
fi
