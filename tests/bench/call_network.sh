#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
#   call_network.sh RAVEL RELAY SPEECH.wav [N_AT_ONCE]
#
# Calls between two `ravel call`, each in a network namespace of its own, over a bad network (relay.c;
# RELAY is its program): what is heard, beside what was spoken, by losses, jitter and codec. A call
# lasts as long as the speech and three seconds; N_AT_ONCE of them run side by side (2). Needs
# python3-numpy, python3-scipy and python3-soundfile.
set -eu
ravel=$(realpath "$1")
relay=$(realpath "$2")
speech=$(realpath "$3")
at_once=${4:-2}
here=$(realpath "$(dirname "$0")")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
seconds=$(python3 -c 'import soundfile, sys; print(3 + int(soundfile.info(sys.argv[1]).duration))' "$speech")

# number NAME FILE: of the JSON; the first of that name
number()
{
    grep -o "\"$1\":[0-9.]*" "$2" | head -n 1 | sed 's/.*://'
}

# call NAME NETWORK CODEC: options of the relay, and of both sides
call()
{
    mkdir "$1"
    cat >"$1/answer" <<END
XDG_CONFIG_HOME=$dir/$1/b exec "$ravel" call -q --listen --once --auto-answer --json $3 \
    --record "$dir/$1/heard.wav" </dev/null >"$dir/$1/b.json" 2>"$dir/$1/b.err"
END
    cat >"$1/ask" <<END
sleep 1
XDG_CONFIG_HOME=$dir/$1/a exec "$ravel" call -q --play "$speech" --json --duration $seconds $3 \
    sip:10.83.0.1 </dev/null >"$dir/$1/a.json" 2>"$dir/$1/a.err"
END
    # shellcheck disable=SC2086
    "$relay" $2 --seed 7 -- "sh $dir/$1/answer" -- "sh $dir/$1/ask" 2>"$1/relay.json" || true
}

# report NAME NETWORK CODEC: a line of the table
report()
{
    if ! python3 "$here/align.py" "$speech" "$1/heard.wav" "$1/aligned.wav" 2>"$1/align.err"; then
        printf '%-32s %-36s failed: %s\n' "$2" "$3" "$(tail -n 1 "$1/a.err")"
        return
    fi
    "$ravel" compare -q --json "$speech" "$1/aligned.wav" 2>/dev/null | tr -d ' \t' >"$1/compare.json"
    wire=$(sed 's/.*"b_to_a": {"packets": [0-9]*, "bytes": \([0-9]*\).*/\1/' "$1/relay.json" | tail -n 1)
    frames=$(number frames "$1/b.json")
    awk -v network="$2" -v codec="$3" -v wire="$wire" -v s="$(number talked_s "$1/a.json")" \
        -v estoi="$(number estoi "$1/compare.json")" -v mel="$(number mel_db "$1/compare.json")" \
        -v frames="$frames" -v concealed="$(grep -o '"concealed":[0-9]*' "$1/b.json" | sed 's/.*://')" \
        -v recovered="$(number recovered "$1/b.json")" -v buffer="$(number buffer_ms "$1/b.json")" \
        'BEGIN { printf "%-32s %-36s %5.3f %5.2f %6.1f %6.1f %7.0f %6.1f\n", network, codec, estoi, mel,
            100 * recovered / frames, 100 * concealed / frames, buffer, 8e-3 * wire / s }'
}

networks="--loss 0
--loss 5
--loss 10
--loss 20
--loss 30
--loss 10 --burst 100
--loss 0 --jitter 40
--loss 0 --jitter 80
--loss 20 --jitter 40"
codecs="--redundancy off --packet 40
--redundancy auto --packet 40
--opus -b 6 --packet 40"

n=0
echo "$networks" | while read -r network; do
    echo "$codecs" | while read -r codec; do
        echo "$network|$codec"
    done
done >all
while IFS='|' read -r network codec; do
    n=$((n + 1))
    call "$n" "$network" "$codec" &
    [ $((n % at_once)) -ne 0 ] || wait
done <all
wait
printf '%-32s %-36s ESTOI   mel  recov.  made up  buffer   wire\n' "network" "codec"
printf '%-32s %-36s          dB       %%        %%      ms   kb/s\n' "" ""
n=0
while IFS='|' read -r network codec; do
    n=$((n + 1))
    report "$n" "$network" "$codec"
done <all
