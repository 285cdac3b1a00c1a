#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The command from end to end: sh cli.sh RAVEL WRITE_MODEL. Prints what failed; quiet otherwise.
set -u
ravel=$1
write_model=$2

# shellcheck source=tests/support/checks.sh
. "$(dirname "$0")/support/checks.sh"

# check WHAT COMMAND...: a command that must succeed.
check()
{
    n_checks=$((n_checks + 1))
    what=$1
    shift
    "$@" >out 2>err || fail "$what: $*"
}

# No file of the output's name, and no temporary one.
gone()
{
    n_checks=$((n_checks + 1))
    : >err
    [ ! -e "$1" ] || fail "$1 is there"
    [ -z "$(find . -name '.*.tmp')" ] || fail "a temporary file is left: $(find . -name '.*.tmp')"
}

# fact FILE NAME: one value of ravel info.
fact()
{
    "$ravel" info "$1" 2>/dev/null | sed -n "s/^$2  *//p"
}

# wav_header RATE CHANNELS DATA_BYTES: 16 bits
wav_header()
{
    printf RIFF
    le32 $((36 + $3))
    printf 'WAVEfmt '
    le32 16
    le16 1
    le16 "$2"
    le32 "$1"
    le32 $(($1 * $2 * 2))
    le16 $(($2 * 2))
    le16 16
    printf data
    le32 "$3"
}

# noise N_BYTES: the same each time, of no pattern that matters.
noise()
{
    head -c "$1" "$ravel"
}

# --- A model that is quick to open, and a stream of it ---------------------------------------------

check "a small model" "$write_model" default-like model
RAVEL_MODEL=$dir/model
export RAVEL_MODEL
rate=$("$ravel" info | sed -n 's/^sample_rate_hz  *//p')
hop=$("$ravel" info | sed -n 's/^hop_samples  *//p')

{ wav_header "$rate" 1 96000; noise 96000; } >in.wav
expect 0 'real time' "$ravel" encode in.wav a.rvl
expect 0 'real time' "$ravel" decode a.rvl a.wav
equal "$(wc -c <a.wav)" 96044
equal "$(fact a.rvl samples)" 48000
equal "$(fact a.rvl truncated)" false
check "info --json" "$ravel" info --json a.rvl
equal "$(fact a.rvl file_bytes)" "$(wc -c <a.rvl)"
check "info of a model" "$ravel" info model
expect 2 'needs at least' "$ravel" info -b 0.01 a.rvl
"$ravel" info model >layers
check "layers" grep -q '^encoder  *channels  *rows/s  *MMAC/s  *weights  *state  *ahead, ms$' layers
check "a layer" grep -q '^  .*conv .* > .*[0-9]' layers
check "codebooks" grep -q '^ .*codebook .* of [0-9]*$' layers
equal "$(grep -c ' $' layers)" 0
check "layers in JSON" sh -c '"$0" info --json model | grep -q "\"mmac_per_s\":"' "$ravel"
"$ravel" bench --seconds 1 -m model --json >bench.json
for figure in times_real_time share_of_peak cpu_ms_median gb_per_s scratch; do
    check "bench tells $figure" grep -q "\"$figure\":.*[1-9]" bench.json
done
check "bench" sh -c '"$0" bench --seconds 1 -m model | grep -q "^decode .* % .* MB"' "$ravel"
expect 2 "seconds" "$ravel" bench --seconds 0
equal "$(fact model sha256)" ok

# --- Pipes -----------------------------------------------------------------------------------------

expect 0 '' sh -c '"$0" encode -q <in.wav >b.rvl' "$ravel"
check "the same stream from a pipe" cmp a.rvl b.rvl
expect 0 '' sh -c 'cat in.wav | "$0" encode -q - - >b.rvl' "$ravel"
check "the same stream from cat" cmp a.rvl b.rvl
expect 0 '' sh -c 'tail -c +45 in.wav | "$0" encode -q --raw --raw-rate "$1" - b.rvl' "$ravel" "$rate"
check "the same stream from raw samples" cmp a.rvl b.rvl
{ wav_header "$rate" 1 -1; noise 96000; } >endless.wav
expect 0 '' sh -c 'cat endless.wav | "$0" encode -q - b.rvl' "$ravel"
check "the same stream from a WAV without a length" cmp a.rvl b.rvl
expect 0 '' sh -c 'cat a.rvl | "$0" decode -q | tail -c +45 >b.raw' "$ravel"
tail -c +45 a.wav >a.raw
check "the same sound to a pipe" cmp a.raw b.raw
expect 0 '' sh -c '"$0" decode -q a.rvl b.flac && "$0" encode -q - c.rvl <b.flac' "$ravel"
expect 0 '' sh -c 'cat b.flac | "$0" encode -q - b.rvl' "$ravel"
check "FLAC from a pipe" cmp b.rvl c.rvl
expect 1 'Broken pipe' sh -c '{ "$0" decode -q a.rvl -; echo $? >code; } | true; exit $(cat code)' "$ravel"
expect 1 'standard input' sh -c '"$0" encode -q - b.rvl <&-' "$ravel"
expect 1 'standard output' sh -c '"$0" encode -q in.wav - >&-' "$ravel"
expect 1 'No space' sh -c '"$0" encode -q in.wav - >/dev/full' "$ravel"
expect 1 'No space' sh -c '"$0" decode -q a.rvl - >/dev/full' "$ravel"
expect 1 'No space' sh -c '"$0" info >/dev/full' "$ravel"
expect 1 'No space' "$ravel" encode -q in.wav /dev/full

# A limit on file sizes (512 or 1024 bytes) is as a full disk is.
expect 1 'File too large' sh -c 'ulimit -f 1; "$0" decode -q a.rvl no.wav' "$ravel"
expect 1 'File too large' sh -c 'ulimit -f 1; "$0" decode -q a.rvl no.flac' "$ravel"
expect 1 'File too large' sh -c 'ulimit -f 1; "$0" encode -q in.wav no.rvl' "$ravel"
gone no.wav
gone no.flac
gone no.rvl

# --- Ends ------------------------------------------------------------------------------------------

# 1000 frames, of which the decoder does not make the last 3 samples.
check "a model that ends early" "$write_model" early early
noise 12000 >early.raw
expect 0 '' "$ravel" encode -q -m early --raw --raw-rate 44100 early.raw early.rvl
expect 0 '' "$ravel" decode -q -m early early.rvl early.wav
equal "$(wc -c <early.wav)" 12044
equal "$(tail -c 8 early.wav | od -An -t d2 | awk '{ print ($1 != 0), $2, $3, $4 }')" "1 0 0 0"
expect 0 '' "$ravel" decode -q -m early --start 0.1 --duration 0.01 early.rvl part.wav
equal "$(wc -c <part.wav)" $((44 + 2 * 441))

# --- A model that only decodes -----------------------------------------------------------------------

check "a model without an encoder" "$write_model" decoder decoder
equal "$(fact decoder decodes_only)" true
for verb in "encode in.wav no.rvl" "tokens in.wav no.npy" "bench"; do
    # shellcheck disable=SC2086
    expect 3 'only decodes' "$ravel" $verb -m decoder
done
gone no.rvl
gone no.npy
expect 0 '' "$ravel" tokens -q -m early early.wav early.npy
expect 0 '' "$ravel" detokens -q -m early early.npy early.wav
expect 3 'are of the model' "$ravel" detokens -q -m decoder early.npy decoded.wav
mkdir elsewhere && cp early.npy elsewhere/ # without the metadata
expect 0 '' "$ravel" detokens -q -m decoder elsewhere/early.npy decoded.wav
check "the same sound without the encoder" cmp early.wav decoded.wav

# 166 frames and a sample that makes none; a sound of less than a frame.
check "a model that drops what is left" "$write_model" whole whole
noise 1994 >rest.raw
expect 0 '' "$ravel" encode -q -m whole --raw --raw-rate 8000 rest.raw rest.rvl
equal "$(fact rest.rvl frames)" 166
expect 0 '' "$ravel" decode -q -m whole rest.rvl rest.wav
equal "$(wc -c <rest.wav)" 2038
equal "$(tail -c 4 rest.wav | od -An -t d2 | awk '{ print ($1 != 0), $2 }')" "1 0"
noise 10 >rest.raw
expect 1 'too short' "$ravel" encode -q -m whole --raw --raw-rate 8000 rest.raw short.rvl
gone short.rvl

# --- Options ---------------------------------------------------------------------------------------

codebooks=$("$ravel" info | sed -n 's/^codebooks  *//p')
expect 0 '' "$ravel" encode -q -k 1 in.wav b.rvl
equal "$(fact b.rvl most_codebooks_used)" 1
kbps=$("$ravel" info | sed -n 's/^bitrates_bps  *\[\([0-9.]*\),.*/\1/p' | awk '{ print $1 / 1000 }')
expect 0 '' "$ravel" encode -q -b "$kbps" in.wav c.rvl
check "-b of one codebook" cmp b.rvl c.rvl
expect 2 'codebooks' "$ravel" encode -k $((codebooks + 1)) in.wav no.rvl
expect 2 'needs at least' "$ravel" encode -b 0.01 in.wav no.rvl
expect 2 'give one' "$ravel" encode -b 1 -k 1 in.wav no.rvl
expect 2 'no value' "$ravel" encode -k many in.wav no.rvl
expect 2 'no value' "$ravel" decode --start now a.rvl no.wav
expect 2 'suffix' "$ravel" decode a.rvl no.xyz
expect 2 'place of its input' "$ravel" encode in.wav in.wav
expect 2 'no verb' "$ravel" sing
expect 2 'Usage' "$ravel"
check "help" "$ravel" encode -h
check "version" "$ravel" -V
gone no.rvl
expect 0 '' "$ravel" encode -q --tag 'TITLE=A song' --tag 'ARTIST=Somebody' in.wav b.rvl
equal "$(fact b.rvl tags)" '["TITLE=A song","ARTIST=Somebody"]'
expect 2 'tags' "$ravel" encode -q --tag '=nobody' in.wav no.rvl
expect 0 '"end":true' "$ravel" encode --progress json in.wav b.rvl
expect 0 '' "$ravel" decode -q --rate 48000 --bits 24 a.rvl b.wav
equal "$(wc -c <b.wav)" $((44 + (48000 * 48000 + rate - 1) / rate * 3))

# --- A stretch of a stream is the same as in the whole ---------------------------------------------

noise 4000000 >long.raw
expect 0 '' "$ravel" encode -q --block 0.5 --raw --raw-rate "$rate" long.raw long.rvl
expect 0 '' "$ravel" decode -q long.rvl long.wav
for start in 0 1 7.123 31.5; do
    expect 0 '' "$ravel" decode -q --start $start --duration 0:02.5 long.rvl part.wav
    first=$(awk "BEGIN { print int($start * $rate + 0.5) }")
    n=$(awk "BEGIN { print int(2.5 * $rate + 0.5) }")
    tail -c +$((45 + 2 * first)) long.wav | head -c $((2 * n)) >expected.raw
    tail -c +45 part.wav >part.raw
    check "the stretch from $start s" cmp expected.raw part.raw
done
expect 0 '' sh -c 'cat long.rvl | "$0" decode -q --start 31.5 --duration 2.5 - part2.wav' "$ravel"
check "a stretch from a pipe" cmp part.wav part2.wav
expect 2 'behind the end' "$ravel" decode --start 1:00:00 long.rvl no.wav
gone no.wav

# A source remembers all of its stream: the stretch has the same sound, made of other samples.
level()
{
    od -An -v -t d2 | awk '{ for (i = 1; i <= NF; i++) { sum += $i * $i; n++ } }
        END { printf "%.0f", n > 0 && sum > 0 ? 10 * log(sum / n) / log(10) : -999 }'
}
check "a model with a source" "$write_model" source-filter source
expect 0 '' "$ravel" encode -q -m source --raw --raw-rate "$rate" long.raw source.rvl
expect 0 '' "$ravel" decode -q -m source source.rvl source.wav
expect 0 '' "$ravel" decode -q -m source --start 31.5 --duration 2.5 source.rvl part.wav
tail -c +$((45 + 2 * first)) source.wav | head -c $((2 * n)) >expected.raw
tail -c +45 part.wav >part.raw
equal "$(wc -c <part.raw)" $((2 * n))
whole=$(level <expected.raw)
part=$(level <part.raw)
check "levels of $whole and $part dB" test $((whole - part)) -ge -1 -a $((whole - part)) -le 1

# --- A prior: codes that were not sent ---------------------------------------------------------------

expect 3 'prior' "$ravel" decode --predict-fine 2 a.rvl no.wav
gone no.wav
check "a model with a prior" "$write_model" prior prior
expect 0 '' "$ravel" encode -q -m prior -k 2 in.wav coarse.rvl
expect 0 '' "$ravel" decode -q -m prior coarse.rvl coarse.wav
expect 0 '' "$ravel" decode -q -m prior --predict-fine 2 coarse.rvl likely.wav
expect 0 '' "$ravel" decode -q -m prior --predict-fine 60 coarse.rvl again.wav
expect 0 '' "$ravel" decode -q -m prior --predict-fine 2 --seed 7 coarse.rvl drawn.wav
expect 0 '' "$ravel" decode -q -m prior --predict-fine 2 --seed 7 coarse.rvl redrawn.wav
equal "$(wc -c <likely.wav)" "$(wc -c <coarse.wav)"
check "as many as there are" cmp likely.wav again.wav
check "the same seed" cmp drawn.wav redrawn.wav
expect 1 'differ' sh -c 'cmp likely.wav drawn.wav >&2'
expect 1 'differ' sh -c 'cmp likely.wav coarse.wav >&2'
expect 2 'no value' "$ravel" decode -m prior --predict-fine 0 coarse.rvl no.wav
gone no.wav

# --- Fewer bits for the same codes -----------------------------------------------------------------

"$ravel" encode -q -m prior --entropy none in.wav none.rvl && "$ravel" decode -q -m prior none.rvl none.wav
equal "$(fact prior entropy) $(fact model entropy)" "prior none"
for how in static prior; do
    expect 0 'peak' "$ravel" encode -m prior --entropy $how in.wav $how.rvl
    expect 0 '' "$ravel" decode -q -m prior $how.rvl $how.wav
    check "the same sound by $how" cmp none.wav $how.wav
    check "no more bytes by $how" [ "$(wc -c <$how.rvl)" -le "$(wc -c <none.rvl)" ]
    expect 3 'has no' "$ravel" encode --entropy $how in.wav no.rvl
done
expect 0 '' "$ravel" encode -q -m prior in.wav best.rvl
check "the best of the model" cmp best.rvl prior.rvl
expect 2 'no value' "$ravel" encode --entropy magic in.wav no.rvl
equal "$(fact none.rvl prior_identity)" 0000000000000000
equal "$("$ravel" info -m prior prior.rvl | sed -n 's/^prior_identity  *//p')" \
    "$(fact prior prior_identity | cut -c 1-16)"
expect 0 'spent_bits_per_code' sh -c '"$0" info -m prior prior.rvl >&2' "$ravel"
expect 0 '' "$ravel" encode -q --quality 1 in.wav b.rvl
most=$("$ravel" info --json a.rvl | sed -n 's/.*"block_bitrate_bps":[^0-9]*\([0-9]*\).*/\1/p')
least=$("$ravel" info --json b.rvl | sed -n 's/.*"block_bitrate_bps":[^0-9]*\([0-9]*\).*/\1/p')
target=$(((most + least) / 2))
expect 0 'up to' "$ravel" encode --block 0.1 --target $((target / 1000)) in.wav c.rvl
check "a target is held" [ "$(fact c.rvl block_bitrate_bps | cut -d. -f1)" -lt $target ]
equal "$(fact c.rvl least_codebooks_used)" 1
expect 2 'no value' "$ravel" encode --target 0 in.wav no.rvl
gone no.rvl

# --- Channels and rates ----------------------------------------------------------------------------

for shape in '8000 1' '192000 2' '44100 7' '11025 3'; do
    set -- $shape
    { wav_header "$1" "$2" $((2000 * $2)); noise $((2000 * $2)); } >shape.wav
    n=$(((1000 * rate + $1 - 1) / $1))
    expect 0 '' "$ravel" encode -q shape.wav mixed.rvl
    equal "$(fact mixed.rvl samples) $(fact mixed.rvl channels)" "$n 1"
    expect 0 '' "$ravel" encode -q --channels keep shape.wav kept.rvl
    equal "$(fact kept.rvl samples) $(fact kept.rvl channels)" "$n $2"
    expect 0 '' "$ravel" decode -q kept.rvl kept.wav
    equal "$(wc -c <kept.wav)" $((44 + 2 * n * $2))
done
# A kept channel is coded as if it were alone.
noise 6000 >one.raw
printf '%b' "$(od -An -v -t o1 -w2 one.raw | awk '{ printf "\\0%s\\0%s\\0%s\\0%s", $1, $2, $1, $2 }')" >two.raw
equal "$(wc -c <two.raw)" 12000
expect 0 '' "$ravel" encode -q --raw --raw-rate "$rate" one.raw one.rvl
expect 0 '' "$ravel" encode -q --raw --raw-rate "$rate" --raw-channels 2 --channels keep two.raw two.rvl
expect 0 '' "$ravel" decode -q one.rvl one.wav
expect 0 '' "$ravel" decode -q two.rvl two.wav
tail -c +45 one.wav | od -An -v -t x1 -w2 >one.txt
tail -c +45 two.wav | od -An -v -t x1 -w4 | awk '{ print " " $1, $2; if ($1 $2 != $3 $4) exit 1 }' >two.txt
check "kept channels" cmp one.txt two.txt

# --- A stereo model --------------------------------------------------------------------------------

# Frames are segments of 24 samples, 20 apart; the last one has 14.
check "a stereo model" "$write_model" segments segments
{ wav_header 8000 2 4936; noise 4936; } >stereo.wav
expect 0 '' "$ravel" encode -q -m segments stereo.wav stereo.rvl
equal "$(fact stereo.rvl samples) $(fact stereo.rvl channels) $(fact stereo.rvl frames)" "1234 2 62"
expect 0 '' "$ravel" decode -q -m segments stereo.rvl stereo2.wav
equal "$(wc -c <stereo2.wav)" 4980
expect 0 '' "$ravel" decode -q -m segments --start 0.1 --duration 0.01 stereo.rvl part.wav
tail -c +3245 stereo2.wav | head -c 320 >whole.raw
tail -c +45 part.wav >part.raw
check "stereo from the middle" cmp whole.raw part.raw
expect 0 '' "$ravel" encode -q -m segments --raw --raw-rate 8000 one.raw one.rvl
expect 0 '' "$ravel" encode -q -m segments --raw --raw-rate 8000 --raw-channels 2 two.raw two.rvl
check "mono is stereo of equal channels" cmp one.rvl two.rvl
{ wav_header 8000 4 8000; noise 8000; } >four.wav
expect 1 'cannot be mixed' "$ravel" encode -q -m segments four.wav no.rvl
gone no.rvl
expect 0 '' "$ravel" encode -q -m segments --channels keep four.wav four.rvl
equal "$(fact four.rvl samples) $(fact four.rvl channels) $(fact four.rvl streams)" "1000 4 2"
expect 0 '' "$ravel" decode -q -m segments four.rvl four2.wav
equal "$(wc -c <four2.wav)" 8044
expect 2 'no sound; 4 at least' "$ravel" encode -q -m segments -k 3 stereo.wav no.rvl
expect 2 'no sound; 4 at least' "$ravel" tokens -q -m segments -k 3 stereo.wav no.npy
gone no.rvl
gone no.npy
# Nominal bitrates: neither what segments overlap nor what they tell of themselves is counted.
equal "$("$ravel" info segments | sed -n 's/^bitrates_bps  *//p')" "[0,0,0,8000,16000,24000]"
check "bench of a stereo model" "$ravel" bench --seconds 1 -m segments

# --- A model that sees pieces at once --------------------------------------------------------------

check "a model of long pieces" "$write_model" late late
equal "$(fact late hop_samples)" 6
{ wav_header 8000 1 80008; noise 80008; } >pieces.wav
expect 0 '' "$ravel" encode -q -m late pieces.wav pieces.rvl
equal "$(fact pieces.rvl samples) $(fact pieces.rvl frames)" "40004 6667"
expect 0 '' "$ravel" decode -q -m late pieces.rvl pieces2.wav
equal "$(wc -c <pieces2.wav)" 80052
{ wav_header 8000 1 10; noise 10; } >five.wav
expect 1 'too short' "$ravel" tokens -q -m late five.wav five.npy
gone five.npy
"$ravel" bench --seconds 5 -m late --json >bench.json
check "a bench of no steps" grep -q '"times_real_time":' bench.json
equal "$(grep -c '"steps":' bench.json)" 0
check "told" sh -c '"$0" bench --seconds 1 -m late | grep -q "too long for a call"' "$ravel"

# --- Short and strange sound -----------------------------------------------------------------------

for n in 0 1 2 $((hop - 1)) "$hop" $((hop + 1)); do
    { wav_header "$rate" 1 $((2 * n)); noise $((2 * n)); } >short.wav
    expect 0 '' "$ravel" encode -q short.wav short.rvl
    expect 0 '' "$ravel" decode -q short.rvl short2.wav
    equal "$(wc -c <short2.wav)" $((44 + 2 * n))
done
i=0
while [ $i -lt 500 ]; do # NaN, infinity, minus infinity, 0.5
    printf '\000\000\300\177\000\000\200\177\000\000\200\377\000\000\000\077'
    i=$((i + 1))
done >strange.raw
expect 0 '1500 samples were not finite' "$ravel" encode --raw --raw-bits f32 strange.raw strange.rvl
expect 0 '' "$ravel" decode -q strange.rvl strange.wav

# --- What is no sound, no stream, no model ---------------------------------------------------------

echo 'Once upon a time there was a text.' >text.wav
: >empty.wav
head -c 100 in.wav >cut.wav
for file in text.wav empty.wav missing.wav . ; do
    expect 1 "'$file'" "$ravel" encode $file no.rvl
    expect 1 "'$file'" "$ravel" decode $file no.wav
    gone no.rvl
    gone no.wav
done
expect 1 'not a Ravel stream' "$ravel" decode in.wav no.wav
expect 1 "'text.wav'" "$ravel" info text.wav
expect 1 'cannot write' "$ravel" encode -q in.wav missing/no.rvl
expect 1 'cannot write' "$ravel" decode -q a.rvl missing/no.wav
expect 1 'cannot write' "$ravel" encode -q in.wav .
expect 1 'cannot write' "$ravel" encode -q in.wav /proc/no.rvl
expect 3 "'missing'" "$ravel" encode -m missing in.wav no.rvl
expect 3 "text.wav" "$ravel" encode -m text.wav in.wav no.rvl
check "another model" "$write_model" lookahead other
expect 3 'was made with the model' "$ravel" decode -m other a.rvl no.wav
gone no.wav
head -c 3000 model >cut-model
expect 3 "'cut-model'" "$ravel" decode -m cut-model a.rvl no.wav
gone no.wav
{ head -c -1 model; printf x; } >bad-model
expect 1 'SHA-256' "$ravel" info bad-model
equal "$(fact bad-model sha256)" wrong

expect 3 'RAVEL_CPU' env RAVEL_CPU=abacus "$ravel" encode in.wav no.rvl
expect 3 'RAVEL_CPU' env -u RAVEL_MODEL RAVEL_CPU=abacus "$ravel" encode in.wav no.rvl
expect 2 'needed' "$ravel" import model
expect 1 "'text.wav': not a safetensors" "$ravel" import text.wav -o no.model
expect 1 "'missing'" "$ravel" import lyra missing -o no.model
expect 1 'is missing' "$ravel" import encodec model -o no.model
expect 2 'KEY=VALUE' "$ravel" import model --set name -o no.model
mkdir folder
expect 1 'no model.safetensors' "$ravel" import folder -o no.model
touch folder/pytorch_model.bin
expect 1 "'folder/pytorch_model.bin' is no safetensors file: train/to_safetensors.py" "$ravel" import folder -o no.model
touch folder/model.safetensors.index.json
expect 1 'in several files' "$ravel" import folder -o no.model
printf '\2\0\0\0\0\0\0\0{}' >folder/model.safetensors
expect 1 'no known kind' "$ravel" import folder -o no.model
cp model folder/model.safetensors
expect 0 '' "$ravel" import folder -o same.model
equal "$(fact same.model tokenizer_identity)" "$(fact model tokenizer_identity)"
expect 2 "f16 or i8, not 'f8'" "$ravel" import folder --weights f8 -o no.model
expect 0 'now of 8 bits' "$ravel" import folder --weights i8 -o narrow.model
[ "$(wc -c <narrow.model)" -lt "$(wc -c <model)" ] || fail "8 bits are not fewer"
echo '{"a":1' >folder/config.json
expect 1 'configuration is not a JSON' "$ravel" import folder -o no.model
touch checkpoint.th
expect 1 "'checkpoint.th' is no safetensors file" "$ravel" import checkpoint.th -o no.model
gone no.model

# --- Damage ----------------------------------------------------------------------------------------

size=$(wc -c <long.rvl)
{ head -c $((size / 2)) long.rvl; printf 'damage'; tail -c +$((size / 2 + 7)) long.rvl; } >hurt.rvl
expect 1 'is damaged: 1 blocks' "$ravel" decode hurt.rvl hurt.wav
equal "$(wc -c <hurt.wav)" "$(wc -c <long.wav)"
expect 1 'damaged' "$ravel" info hurt.rvl
equal "$(fact hurt.rvl damaged_blocks)" 1
head -c $((size / 2)) long.rvl >half.rvl
expect 1 'the end is missing' "$ravel" decode half.rvl half.wav
{ printf 'damage'; tail -c +7 long.rvl; } >headless.rvl
expect 1 'no header' "$ravel" decode headless.rvl headless.wav
check "the sound without the header" cmp long.wav headless.wav

# --- Many files ------------------------------------------------------------------------------------

cp in.wav in2.wav
expect 0 '' "$ravel" encode -q -d many in.wav in2.wav
check "a stream of the batch" cmp a.rvl many/in2.rvl
expect 4 '2 of 4 files failed' "$ravel" encode -d many in.wav text.wav in2.wav missing.wav
grep -q '^  text.wav$' err || fail "the bad file is not in the list"
gone many/text.rvl
expect 4 'take the place' "$ravel" encode -q -d many in.wav ./in.wav
expect 0 '' "$ravel" decode -q -d many many/in.rvl many/in2.rvl
check "a sound of the batch" cmp a.wav many/in2.wav

# --- Stopping --------------------------------------------------------------------------------------

mkfifo fifo
"$ravel" encode -q --raw fifo stopped.rvl 2>err &
pid=$!
exec 3>fifo
noise 200000 >&3
sleep 0.2
kill -TERM $pid
wait $pid 2>/dev/null
equal $? 143
exec 3>&-
gone stopped.rvl

finish cli
