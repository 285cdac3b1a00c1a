#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
#   package.sh [PREFIX]
#
# Uses what is installed under PREFIX, or in the system, as people do: runs the command, and builds
# and runs a program by pkg-config and by find_package.
set -eu
prefix=${1:-}
source=$(cd "$(dirname "$0")/package" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

die()
{
    echo "package.sh: $*" >&2
    exit 1
}

if [ -n "$prefix" ]; then
    pc=$(find "$prefix" -name ravel.pc)
    [ -n "$pc" ] || die "no ravel.pc under $prefix"
    PKG_CONFIG_PATH=$(dirname "$pc")
    LD_LIBRARY_PATH=$(dirname "$PKG_CONFIG_PATH")
    PATH=$prefix/bin:$PATH
    export PKG_CONFIG_PATH LD_LIBRARY_PATH PATH
fi

package_flags()
{
    if [ -n "$prefix" ]; then
        pkg-config --define-variable=prefix="$prefix" "$@"
    else
        pkg-config "$@"
    fi
}

# run WAY PROGRAM: the version is the package's, the second is whole.
run()
{
    [ "$("$2" "$work/$1.rvl")" = "$(package_flags --modversion ravel) 24000" ] || die "by $1: fails"
    ravel decode -q "$work/$1.rvl" "$work/$1.wav"
    [ "$(wc -c <"$work/$1.wav")" -gt 48000 ] || die "by $1: the stream does not decode"
    echo "by $1: builds and runs"
}

[ "$(ravel --version)" = "ravel $(package_flags --modversion ravel)" ] || die "ravel --version differs"
man=${prefix:-/usr}/share/man/man1
for verb in $(ravel --help | sed -n 's/^  ravel \([a-z]*\) .*/\1/p'); do
    [ -e "$man/ravel-$verb.1" ] || [ -e "$man/ravel-$verb.1.gz" ] || die "no page on ravel $verb"
done

# shellcheck disable=SC2046
"${CC:-cc}" "$source/program.c" -o "$work/program" $(package_flags --cflags --libs ravel_io)
run pkg-config "$work/program"

cmake -S "$source" -B "$work/build" ${prefix:+"-DCMAKE_PREFIX_PATH=$prefix"} >"$work/log" 2>&1 &&
    cmake --build "$work/build" >>"$work/log" 2>&1 || { cat "$work/log" >&2; die "find_package fails"; }
run find_package "$work/build/program"
