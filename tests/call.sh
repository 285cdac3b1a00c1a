#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
#   call.sh RAVEL WRITE_MODEL
#
# `ravel call` from end to end: two of them on one machine, with files in the place of devices.
# How late or how loaded the machine is, is not looked at.
set -u
ravel=$1
write_model=$2

# shellcheck source=tests/support/checks.sh
. "$(dirname "$0")/support/checks.sh"

"$write_model" default-like model || exit 1
"$write_model" source-filter other || exit 1
RAVEL_MODEL=$dir/model
export RAVEL_MODEL
# Below those that the system gives to whoever asks, and those of media.
port=$((10000 + $$ % 6000))
bob=sip:bob@127.0.0.1:$port

# 3 s of noise, 24000 Hz
{
    printf RIFF
    le32 $((36 + 144000))
    printf 'WAVEfmt '
    le32 16
    le16 1
    le16 1
    le32 24000
    le32 48000
    le16 2
    le16 16
    printf data
    le32 144000
    head -c 144000 "$ravel"
} >voice.wav

# call NAME OPTION...: by the user NAME, with his certificate and his friends
call()
{
    name=$1
    shift
    XDG_CONFIG_HOME=$dir/$name "$ravel" call -q "$@" </dev/null
}

# begin_bob OPTION...: he takes calls in the background; not for ever, should nobody call.
begin_bob()
{
    : >bob.err
    XDG_CONFIG_HOME=$dir/bob timeout 300 "$ravel" call -q --listen --auto-answer --port "$port" \
        --address 127.0.0.1 --play voice.wav --json "$@" </dev/null >bob.out 2>bob.err &
    bob_pid=$!
    await grep -q "calls are taken\|SIP cannot use" bob.err
}

# listen OPTION...: bob takes calls, and is there when this returns
listen()
{
    begin_bob "$@"
    # His port is another's, who was there before.
    while [ "$bob_port" != "$port" ] && grep -q "in use" bob.err; do
        wait "$bob_pid"
        port=$((port + 1))
        bob=sip:bob@127.0.0.1:$port
        begin_bob "$@"
    done
    bob_port=$port
    grep -q "calls are taken" bob.err || fail "bob does not listen: $(cat bob.err)"
}
bob_port=none

# ended CODE: what became of bob
ended()
{
    wait "$bob_pid"
    equal "bob $?" "bob $1"
}

# has WORDS FILE: words of the JSON
has()
{
    n_checks=$((n_checks + 1))
    grep -q -e "$1" "$2" || fail "nothing of '$1' in $2: $(cat "$2")"
}

# --- What is asked for wrongly ----------------------------------------------------------------------

expect 2 "one address" call alice
expect 2 "one address" call alice --listen "$bob"
expect 2 "is for --listen" call alice --once "$bob"
expect 2 "is for --account" call alice --password-file x "$bob"
expect 2 "is for --ice" call alice --stun 192.0.2.1 "$bob"
expect 2 "'50' is no value" call alice --packet 50 "$bob"
expect 2 "'0' is no value" call alice --port 0 --listen
expect 2 "no terminal" call alice --listen --port "$port" --address 127.0.0.1
expect 2 "not an address" call alice "a b@127.0.0.1"
expect 2 "not an IP address" call alice --address nowhere "$bob"
expect 1 "x.wav" call alice --play x.wav --timeout 2 --address 127.0.0.1 "$bob"
expect 3 "nowhere" call alice -m nowhere "$bob"
"$write_model" segments stereo || exit 1
expect 3 "one channel" call alice -m stereo "$bob"
"$write_model" rates rates || exit 1
expect 3 "several rates" call alice -m rates "$bob"
"$write_model" late late || exit 1
expect 3 "too slow for a call" call alice -m late "$bob"
expect 0 "" call alice --help
expect 1 "nothing has come" call alice --play voice.wav --timeout 1 "$bob"

# --- A call -----------------------------------------------------------------------------------------

listen --once --record bob.wav
expect 0 "over: the time of the call is over" call alice --play voice.wav --record alice.wav --json \
    --duration 3 "$bob"
ended 0
has '"codec":"ravel"' out
has '"security":"dtls-srtp"' out
has '"certificate_is":"new"' out
has '"result":"ended"' bob.out
has '"reason":"the peer hung up"' bob.out
has '"codec":"ravel"' bob.out
for file in alice.wav bob.wav; do
    n_checks=$((n_checks + 1))
    [ "$(wc -c <$file)" -gt 48000 ] || fail "$file holds less than a second"
    n_checks=$((n_checks + 1))
    [ "$(tail -c +45 $file | tr -d '\000' | wc -c)" -gt 24000 ] || fail "$file holds silence"
done

# --- Friends ------------------------------------------------------------------------------------------

listen --record again.wav
expect 0 "over" call alice --play voice.wav --json --duration 1 "$bob"
has '"certificate_is":"known"' out
await grep -q '"result":"ended"' bob.out || fail "bob still talks" # he may be closing what he recorded

# While bob talks, he is busy for others; his second call does not take the first one's recording.
: >alice.err
XDG_CONFIG_HOME=$dir/alice "$ravel" call -q --play voice.wav "$bob" </dev/null 2>alice.err &
alice_pid=$!
await grep -q "talking" alice.err || fail "alice does not talk: $(cat alice.err)"
expect 5 "486 Busy Here" call carol --play voice.wav "$bob"
kill -TERM $alice_pid
wait $alice_pid
equal "alice $?" "alice 0"

# A signal ends the service, and not as a failure.
kill -TERM "$bob_pid"
ended 0
for file in again.wav again-2.wav; do
    n_checks=$((n_checks + 1))
    [ -s $file ] || fail "$file is not there"
done

# --- Somebody in between --------------------------------------------------------------------------------

rm bob/ravel/certificate.pem
listen --once
expect 7 "HAS CHANGED" call alice --play voice.wav --json "$bob"
has '"result":"key"' out
has '"certificate_is":"changed"' out
ended 1

rm alice/ravel/certificate.pem alice/ravel/known_peers
listen --once
expect 1 "403 Forbidden" call alice --play voice.wav "$bob"
ended 7

# --- Another model ---------------------------------------------------------------------------------------

rm bob/ravel/known_peers
listen --once -m other
expect 0 "over" call alice --play voice.wav --json --duration 1 "$bob"
ended 0
has '"codec":"opus"' out
has '"why_opus":"the peer.s model has the tokenizer' out
has '"why_opus":"the peer.s model has the tokenizer' bob.out

# Who knows no ICE is answered without it, and no bitrate is too much for a packet.
listen --once --ice
expect 0 "over" call alice --opus -b 500 --packet 80 --play voice.wav --json --duration 3 "$bob"
ended 0
has '"why_opus":"as asked"' out
has '"received":{"packets":[1-9]' bob.out

finish call
