#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# symbols.sh SHARED STATIC...: the shared library exports exactly what exported_symbols.txt lists, and
# every global symbol of the static ones begins with ravel_.
set -eu
export LC_ALL=C
list=tests/lint/exported_symbols.txt

exported=$(nm -D --defined-only "$1" | awk '$2 != "A" { print $3 }' | sort)
shift
if ! echo "$exported" | diff "$list" - >&2; then
    echo "exported symbols (>) are not those of $list (<)" >&2
    exit 1
fi
stray=$(nm -g --defined-only "$@" | awk 'NF == 3 { print $3 }' | grep -v '^ravel_' || true)
if [ -n "$stray" ]; then
    echo "global symbols without ravel_: $stray" >&2
    exit 1
fi
