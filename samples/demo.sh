#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
#   samples/demo.sh BUILD
#
# Encodes and decodes recordings of a voice (alsa-utils') and a text spoken by espeak-ng at 1.5, 3 and
# 6 kb/s. Prints the bits and how near the decoded sound is to the original: ESTOI (1 is equal,
# intelligibility) and the mean difference of mel spectra in dB (0 is equal); and one recording beside
# Opus. All sounds stay in BUILD/demo to be listened to.
set -eu
build=$1
here=$(dirname "$0")
demo=$build/demo
recordings=/usr/share/sounds/alsa

mkdir -p "$demo"
espeak-ng -v en -s 150 -f "$here/text.txt" -w "$demo/text.wav"
for name in Front_Center Front_Left Rear_Right Side_Left; do
    cp "$recordings/$name.wav" "$demo/$name.wav"
done

# Of a stream: "kilobits a second of codes, bytes of the file".
bits()
{
    "$build/ravel" info "$1" |
        awk '$1 == "block_bitrate_bps" { kbps = $2 / 1000 } $1 == "file_bytes" { bytes = $2 }
            END { printf "%.2f %d", kbps, bytes }'
}

# Of two sounds: "seconds ESTOI mel".
nearness()
{
    "$build/ravel" compare -q --json "$1" "$2" | tr -d ' \t,"' |
        awk -F : '{ value[$1] = $2 } END { print value["duration_s"], value["estoi"], value["mel_db"] }'
}

line()
{
    name=$1
    kbps=$2
    stream=$demo/$name-$kbps.rvl
    decoded=$demo/$name-$kbps.wav
    "$build/ravel" encode -q -b "$kbps" "$demo/$name.wav" "$stream"
    "$build/ravel" decode -q "$stream" "$decoded"
    # shellcheck disable=SC2046
    set -- $(nearness "$demo/$name.wav" "$decoded") $(bits "$stream")
    printf '%-14s %5.2f s  %4s kb/s  %5s kb/s  %9d  %5d  %5.2f  %5.1f dB\n' \
        "$name" "$1" "$kbps" "$4" "$(wc -c <"$demo/$name.wav")" "$5" "$2" "$3"
}

echo "sound           length       asked       codes  WAV bytes  bytes  ESTOI       mel"
for name in Front_Center Front_Left Rear_Right Side_Left text; do
    for kbps in 1.5 3 6; do
        line "$name" "$kbps"
    done
done
echo
"$build/ravel" compare -q --png "$demo/compare.png" "$demo/Front_Center.wav"
echo
echo "The picture of this is $demo/compare.png.
The sounds are in $demo: NAME.wav and, decoded, NAME-KBPS.wav."
