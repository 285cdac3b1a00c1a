#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
#   live_load.sh BUILD SECONDS [OPTION...]
#
# Under- and overruns of `ravel live` beside those of a bare loopback, at the same time on the same
# device, while every processor of the machine is busy with something else; by JACK's dummy, whose
# blocks are 5 ms. Build the targets ravel_command and portaudio_loopback first. OPTIONs are of ravel
# live. The bar: no more than the loopback has.
set -eu
build=$1
seconds=$2
shift 2

# shellcheck source=tests/support/jack.sh
. "$(dirname "$0")/../support/jack.sh"
work=$(mktemp -d)
busy=
trap 'kill $busy 2>/dev/null; jack_end; rm -rf "$work"' EXIT
jack_begin "$work" 240 -R

for _ in $(seq "$(nproc)"); do
    sh -c 'while :; do :; done' &
    busy="$busy $!"
done
"$build/portaudio_loopback" system "$seconds" >"$work/bare" 2>"$work/bare.err" &
bare=$!
"$build/ravel" live --input system --output system --duration "$seconds" --json "$@" \
    >"$work/live" 2>"$work/live.err" || { cat "$work/live.err" >&2; exit 1; }
wait $bare || { cat "$work/bare.err" >&2; exit 1; }

echo "$seconds s, $(nproc) busy processes beside; load of the machine: $(cut -d' ' -f1-3 /proc/loadavg)"
echo "bare PortAudio: $(cat "$work/bare")"
echo "ravel live:     $(grep '^underruns' "$work/live.err")"
grep -e '^delay' -e '^codec' -e 'real-time' "$work/live.err"
