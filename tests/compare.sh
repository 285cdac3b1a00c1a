#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# ravel compare from end to end: sh compare.sh RAVEL RUN_MEASURE WRITE_MODEL. Prints what failed.
set -u
ravel=$1
run_measure=$2
write_model=$3

# shellcheck source=tests/support/checks.sh
. "$(dirname "$0")/support/checks.sh"
shown="out err"

# row FIELD...: fields of the last row of the table that is in the file out.
row()
{
    tail -n 1 out | awk -v fields="$*" '{ n = split(fields, f, " ")
        for (i = 1; i <= n; i++) printf "%s%s", $f[i], i < n ? " " : "" }'
}

# wav DATA_BYTES: the head of a mono WAV of 24 kHz and 32-bit float
wav()
{
    printf RIFF
    le32 $((36 + $1))
    printf 'WAVEfmt '
    le32 16
    bytes 3 0 1 0
    le32 24000
    le32 96000
    bytes 4 0 32 0
    printf data
    le32 "$1"
}

# --- Files -----------------------------------------------------------------------------------------

"$run_measure" . >/dev/null || exit 1
{ wav 160000; head -c 160000 1-24000.f32; } >clean.wav
{ wav 160000; tail -c 160000 1-24000.f32; } >noisy.wav
{ wav 164000; head -c 4000 /dev/zero; tail -c 160000 1-24000.f32; } >late.wav
{ wav 156000; tail -c 156000 1-24000.f32; } >early.wav
{ wav 80000; tail -c 160000 1-24000.f32 | head -c 80000; } >half.wav
{ wav 160000; head -c 160000 /dev/zero; } >silent.wav
wav 0 >empty.wav
{ wav 16000; head -c 16000 1-24000.f32; } >short.wav
echo 'Once upon a time there was a text.' >text.wav

# The values are those of test_measure.c: ESTOI, STOI, SI-SDR, segSNR, LSD, mel, delay.
expect 0 '' "$ravel" compare clean.wav noisy.wav
equal "$(row 1 2 3 4 5 6 7 8 9)" 'noisy.wav - 0.868 0.978 15.8 11.7 12.5 9.8 0.00'
expect 0 '' "$ravel" compare clean.wav late.wav
equal "$(row 1 2 3 4 5 6 7 8 9)" 'late.wav - 0.868 0.978 15.8 11.7 12.5 9.8 41.67'
expect 0 '' "$ravel" compare clean.wav early.wav
equal "$(row 9)" -41.67
expect 0 'the 0.83 of 1.67 s' "$ravel" compare clean.wav half.wav
equal "$(row 9)" 0.00
expect 0 '' sh -c '"$0" compare - clean.wav <clean.wav' "$ravel"
equal "$(row 3 4 5 6 7 8)" '1.000 1.000 100.0 35.0 0.0 0.0'
expect 0 'too different' "$ravel" compare clean.wav silent.wav
equal "$(row 9)" 0.00

expect 0 '' "$ravel" compare --json clean.wav noisy.wav late.wav
equal "$(tr -d ' \t\n' <out | grep -o '"estoi":0.8683,' | wc -l)" 2
equal "$(grep -c '"delay_samples":.*1000$' out)" 1

# --- The ladder ------------------------------------------------------------------------------------

expect 0 'Opus 24 kb/s' "$ravel" compare clean.wav
equal "$(wc -l <out)" 12
equal "$(awk 'NR > 3 { printf "%s %s,", $1, $2 }' out)" \
    'Ravel 1.5,Ravel 3,Ravel 4.5,Ravel 6,Opus 6,Opus 9,Opus 12,Opus 16,Opus 24,'
n_checks=$((n_checks + 1)) # what was sent is near what was asked for; with more, Opus gets better
awk 'NR > 3 && ($4 < 0.7 * $2 || $4 > 1.2 * $2) { exit 1 }
    $1 == "Opus" { if (last != "" && $10 > last) exit 1; last = $10 }' out || fail "the bitrates of the ladder"
# A row is what encode and decode make of the file.
fifth=$(awk 'NR == 5 { print $5, $6, $9, $10 }' out)
"$ravel" encode -q -b 3 clean.wav coded.rvl
"$ravel" decode -q --bits f32 coded.rvl coded.wav
expect 0 '' "$ravel" compare -q clean.wav coded.wav
equal "$(row 3 4 7 8)" "$fifth"

"$write_model" default-like model
expect 0 '' "$ravel" compare -q -m model clean.wav
n_checks=$((n_checks + 1))
grep -q "^$("$ravel" info model | sed -n 's/^name  *//p') " out || fail "no row of the model"
"$write_model" segments model
expect 0 '' "$ravel" compare -q -m model clean.wav
n_checks=$((n_checks + 1))
grep -q '^segments ' out || fail "no row of a stereo model"
"$write_model" late model
expect 0 '' "$ravel" compare -q -m model clean.wav
n_checks=$((n_checks + 1))
grep -q '^whole ' out || fail "no row of a model that sees long pieces"

# --- The picture -----------------------------------------------------------------------------------

# What `file` would say: signature, head chunk, width, height.
png_size()
{
    od -A n -v -t u1 -N 24 "$1" | tr -s ' \n' ' ' | awk '$1 == 137 && $2 == 80 && $13 == 73 {
        print $17 * 16777216 + $18 * 65536 + $19 * 256 + $20, $21 * 16777216 + $22 * 65536 + $23 * 256 + $24 }'
}

expect 0 '' "$ravel" compare --png two.png clean.wav noisy.wav
equal "$(png_size two.png)" '1200 316'
expect 0 '' "$ravel" compare -q --json --png ladder.png clean.wav
equal "$(png_size ladder.png)" '1200 1276'
expect 1 'cannot write' "$ravel" compare --png no/two.png clean.wav noisy.wav
expect 1 'No space' "$ravel" compare --png /dev/full clean.wav noisy.wav

# --- What cannot be compared -----------------------------------------------------------------------

expect 2 'reference is needed' "$ravel" compare
expect 2 'option' "$ravel" compare --colour clean.wav
expect 1 "'missing'" "$ravel" compare missing noisy.wav
expect 1 "'missing'" "$ravel" compare clean.wav missing
expect 1 "'text.wav'" "$ravel" compare text.wav
expect 1 'less than 0.4 s' "$ravel" compare silent.wav clean.wav
expect 1 'less than 0.4 s' "$ravel" compare silent.wav
expect 1 'less than 0.4 s' "$ravel" compare short.wav noisy.wav
expect 1 'less than 0.4 s' "$ravel" compare empty.wav
expect 1 'less than 0.4 s' "$ravel" compare --png no.png empty.wav clean.wav
expect 1 'less than 0.4 s' "$ravel" compare --png no.png clean.wav empty.wav
expect 1 'No space' sh -c '"$0" compare clean.wav noisy.wav >/dev/full' "$ravel"
expect 3 "'missing'" "$ravel" compare -m missing clean.wav
expect 4 "'text.wav'" "$ravel" compare clean.wav text.wav noisy.wav
equal "$(row 1)" noisy.wav
expect 0 '' "$ravel" compare -h

finish compare
