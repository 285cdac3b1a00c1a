#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
#   readme.sh BUILD
#
# What README.md shows works: its C program compiles and runs, and so do the examples of the command.
set -eu
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The block of that language under that heading.
block()
{
    awk -v heading="## $1" -v fence="\`\`\`$2" '
        /^## / { here = $0 == heading }
        here && $0 == "```" { inside = 0 }
        inside { print }
        here && $0 == fence { inside = 1 }' README.md
}

block "The library" c >"$work/example.c"
block "The command" sh >"$work/example.sh"
block "Tokens for language models" sh >"$work/tokens.sh"
[ -s "$work/example.c" ] && [ -s "$work/example.sh" ]

# shellcheck disable=SC2046
"${CC:-cc}" -std=c11 -Wall -Wextra -Werror -Iinclude "$work/example.c" -o "$work/example" \
    "$build/libravel.a" $(pkg-config --libs libcjson) -lm
"$work/example"

cd "$work"
PATH=$build:$PATH
mkdir coded
head -c 192000 "$build/libravel.a" >speech.raw
ravel encode -q --raw speech.raw - | ravel decode -q - >speech.wav
cp speech.wav other.wav
sh -eu example.sh
for file in speech.rvl speech.flac part.wav coded/speech.rvl coded/other.rvl again.wav; do
    [ -s "$file" ] || { echo "README.md's example did not make $file"; exit 1; }
done
mkdir corpus
cp speech.wav other.wav corpus
sh -eu tokens.sh >statistics 2>words || { cat words; exit 1; }
for file in tokens/speech.npy tokens/ravel.json delayed/tokens-000000.npz heard/other.wav statistics; do
    [ -s "$file" ] || { echo "README.md's example did not make $file"; exit 1; }
done
