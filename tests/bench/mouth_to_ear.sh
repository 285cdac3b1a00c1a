#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
#   mouth_to_ear.sh BUILD SECONDS [OPTION...]
#
# How late a sound comes back through `ravel live`, beside what it says of its delay, and beside a
# program that only copies its input; by JACK's dummy, whose blocks are 5 ms. Build the targets
# ravel_command, mouth_to_ear and portaudio_loopback first. OPTIONs are of ravel live.
#
# Both sides of a sound card are counted in, with the delay that the dummy says of its own: a block in
# and two blocks out.
set -eu
build=$1
seconds=$2
shift 2

# shellcheck source=tests/support/jack.sh
. "$(dirname "$0")/../support/jack.sh"
work=$(mktemp -d)
trap 'jack_end; rm -rf "$work"' EXIT
jack_begin "$work" 240 -R

# loop NAME COMMAND...: the command between mouth and ear; what came back goes to NAME. The command
# runs a little longer than is measured.
loop()
{
    name=$1
    shift
    "$build/mouth_to_ear" "$seconds" >"$work/$name" &
    ear=$!
    sleep 0.5
    "$@" >"$work/$name.out" 2>"$work/$name.err" || { cat "$work/$name.err" >&2; kill $ear; exit 1; }
    wait $ear
}

field()
{
    sed -n "s/.*\"$2\": *\\([-0-9.]*\\).*/\\1/p" "$work/$1" | tail -n 1
}

line()
{
    printf '%-24s %6.1f ms   %.1f to %.1f, %d of %d bursts heard\n' "$1" "$(field "$2" median_ms)" \
        "$(field "$2" min_ms)" "$(field "$2" max_ms)" "$(field "$2" heard)" "$(field "$2" bursts)"
}

run_s=$((seconds + 5))
loop bare "$build/portaudio_loopback" ravel_mouth $run_s
loop live "$build/ravel" live --input ravel_mouth --output ravel_mouth --duration $run_s "$@"
line "bare PortAudio" bare
line "ravel live" live
grep -e '^delay' -e '^codec' -e 'runs' "$work/live.err"
