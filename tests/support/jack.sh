# SPDX-License-Identifier: BSD-3-Clause
# Read by scripts that need a sound device with a clock: JACK's dummy, a server of their own.

# A signal is to end the server too: in dash it would not run what EXIT has.
trap 'exit 1' HUP INT TERM

# jack_begin FOLDER SAMPLES HOW: blocks of so many samples at 48 kHz; -R for real time, -r without.
jack_begin()
{
    JACK_DEFAULT_SERVER=ravel_$$
    export JACK_DEFAULT_SERVER
    command -v jackd >/dev/null || { echo "jackd is not installed" >&2; return 1; }
    jackd "$3" -n "$JACK_DEFAULT_SERVER" -d dummy -r 48000 -p "$2" -C 2 -P 2 \
        >"$1/jackd" 2>&1 &
    jack_server=$!
    tries=0
    until JACK_NO_START_SERVER=1 jack_lsp >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] || { cat "$1/jackd" >&2; return 1; }
        sleep 0.1
    done
}

jack_end()
{
    kill "$jack_server" 2>/dev/null
    wait "$jack_server" 2>/dev/null
}
