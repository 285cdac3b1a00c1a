#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# symbols.sh LIBRAVEL LIBRAVEL_IO [STATIC...]: the shared libraries export exactly what
# exported_symbols.txt lists, each the functions of its own header, and every global symbol of the
# static ones begins with ravel_.
set -eu
export LC_ALL=C
list=tests/lint/exported_symbols.txt
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# same WHAT FILE FILE
same()
{
    diff "$2" "$3" >&2 || { echo "$1: more (>) or less (<) than there should be" >&2; exit 1; }
}

exported()
{
    nm -D --defined-only "$1" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort
}

# The functions that a header declares with RAVEL_API.
declared()
{
    tr '\n' ' ' <"include/ravel/$1" | grep -o 'RAVEL_API [^;]*;' | grep -o 'ravel_[a-z0-9_]*(' |
        tr -d '(' | sort
}

{ declared ravel.h; declared tokens.h; } | sort >"$work/ravel.h"
declared io.h >"$work/io.h"
sort "$work/ravel.h" "$work/io.h" >"$work/headers"
same "$list, compared with the headers" "$work/headers" "$list"
exported "$1" >"$work/libravel"
same "$1" "$work/ravel.h" "$work/libravel"
exported "$2" >"$work/libravel_io"
same "$2" "$work/io.h" "$work/libravel_io"
shift 2
[ $# -gt 0 ] || exit 0
stray=$(nm -g --defined-only "$@" | awk 'NF == 3 { print $3 }' | grep -v '^ravel_' || true)
if [ -n "$stray" ]; then
    echo "global symbols without ravel_: $stray" >&2
    exit 1
fi
