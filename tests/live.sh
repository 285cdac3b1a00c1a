#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
#   live.sh RAVEL WRITE_MODEL
#
# `ravel live` from end to end, on a machine without sound: its clock without a device, and JACK's
# dummy where jackd is installed. How late or how loaded it is depends on the machine and is not
# looked at.
set -u
ravel=$1
write_model=$2
tests=$(cd "$(dirname "$0")" && pwd)

# shellcheck source=tests/support/jack.sh
. "$(dirname "$0")/support/jack.sh"
# shellcheck source=tests/support/checks.sh
. "$(dirname "$0")/support/checks.sh"

"$write_model" default-like model || exit 1
RAVEL_MODEL=$dir/model
export RAVEL_MODEL

# Sound systems leak, and take locks that a sanitizer does not see: that is no fault of ours.
with_devices()
{
    ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0 \
        TSAN_OPTIONS=${TSAN_OPTIONS:-}:suppressions=$tests/support/tsan.supp "$ravel" live "$@"
}

# live OPTION...: without devices
live()
{
    "$ravel" live --input none --output none "$@"
}

# number NAME: a number of the JSON in out, by its last name
number()
{
    sed -n "s/.*\"$1\":[[:space:]]*\\(-*[0-9.]*\\).*/\\1/p" out
}

positive()
{
    n_checks=$((n_checks + 1))
    case $(number "$1") in
        "" | 0 | -*) fail "$1 is '$(number "$1")'" ;;
    esac
}

# run_until NAME COMMAND...: for half a second; longer and longer where a figure is still 0 then, as on
# a machine that takes as long to begin.
run_until()
{
    name=$1
    shift
    for seconds in 0.5 2 8 32; do
        expect 0 "" "$@" --duration $seconds -q --json
        [ "$(number "$name")" = 0 ] || break
    done
    positive "$name"
}

# is_recorded FILE: it is being written to, under the name that it has meanwhile.
is_recorded()
{
    set -- ".$1".*
    [ -e "$1" ]
}

# --- What is asked for wrongly ----------------------------------------------------------------------

expect 2 "needs at least" live -b 0.001
expect 2 "'0' is no value" live --block 0
expect 2 "'100' is no value" live --loss 100
expect 2 "bursts are 4 long or more" live --loss 80 --burst 2
expect 2 "'0' is no value" live --duration 0
expect 2 "share the output" live --record - --json
expect 2 "'file.wav' is no option" live file.wav
expect 3 "nowhere" live -m nowhere
"$write_model" segments stereo || exit 1
expect 3 "2 channels, not one" live -m stereo
"$write_model" rates rates || exit 1
expect 3 "several rates" live -m rates
"$write_model" late late || exit 1
expect 3 "too much for a live voice" live -m late
expect 2 "no such device here" with_devices --input "no such device here" --output none
expect 1 "nowhere/file.rvl" live --record nowhere/file.rvl --duration 1
expect 0 "" "$ravel" live --help
expect 0 "" with_devices --list-devices --json
n_checks=$((n_checks + 1))
grep -q '"devices"' out || fail "no list of devices"

# --- Half a second of silence ----------------------------------------------------------------------------

run_until frames live
positive kbps
positive total
equal "$(number lost_frames)" 0
expect 0 "delay: .* in + .* frame + .* codec + .* jitter + .* out = .* ms" live --duration 0.3
expect 0 '"delay_ms"' live --duration 1.3 --progress json
run_until lost_frames live --loss 50 --burst 5

# --- What is written down ---------------------------------------------------------------------------

expect 0 "recorded to voice.rvl" live --duration 0.5 --record voice.rvl --loss 50
expect 0 "" "$ravel" info --json voice.rvl
equal "$(number lost_frames)" 0
expect 0 "" "$ravel" decode -q voice.rvl voice.wav
expect 0 "" live --duration 0.5 --record - -q
cp out piped.rvl
expect 0 "" "$ravel" decode -q piped.rvl piped.wav

# --- The usual end ----------------------------------------------------------------------------------

# A shell lets its own background jobs ignore SIGINT; timeout passes it on.
interrupted()
{
    timeout --preserve-status -s INT 100 "$ravel" live --input none --output none --record stopped.rvl &
    await is_recorded stopped.rvl
    kill -INT $!
    wait $!
}
expect 0 "underruns" interrupted
expect 0 "" "$ravel" decode -q stopped.rvl stopped.wav

# As long as it runs, and while it ends.
told_often()
{
    "$ravel" live --input none --output none --record often.rvl -q &
    await is_recorded often.rvl
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        kill -TERM $! 2>/dev/null
        sleep 0.01
    done
    wait $!
}
expect 0 "" told_often
expect 0 "" "$ravel" decode -q often.rvl often.wav

# --- A device ---------------------------------------------------------------------------------------

# A second through JACK, without a word.
through_jack()
{
    with_devices --input system --output system --duration 1 -q --json >out 2>err && [ ! -s err ] &&
        [ "$(number frames)" != 0 ]
}

# JACK itself gives up programs that keep it waiting, as all do where the machine stands still.
with_jack()
{
    jack_begin "$dir" 480 -r || { fail "JACK does not begin"; return; }
    through_jack || through_jack || through_jack || through_jack || fail "nothing goes through JACK"
    positive frames
    n_checks=$((n_checks + 1))
    grep -q '"device":"JACK[^"]*system' out || fail "another device was taken"
    jack_end
}
if command -v jackd >/dev/null; then
    with_jack
else
    echo "jackd is not installed: no device is tried"
fi

finish live
