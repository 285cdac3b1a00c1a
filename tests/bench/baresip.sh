#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
#
#   baresip.sh RAVEL [PLAYED.wav]
#
# Calls between Ravel and baresip, a softphone (Debian: baresip-core, alsa-utils, python3-numpy,
# python3-scipy, python3-soundfile), without devices: Opus over DTLS-SRTP and over SDES, called by
# either. Speech that each side plays is looked for in what the other recorded. About a minute.
set -eu
ravel=$(realpath "$1")
here=$(realpath "$(dirname "$0")")
speech=/usr/share/sounds/alsa
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
modules=$(dirname "$(find /usr/lib -path '*baresip/modules/opus.so' | head -n 1)")
port=$((20000 + $$ % 20000))
least=0.85
failed=0

python3 - "$speech" <<'END'
import sys

import numpy
import soundfile

names = ["Front_Center", "Rear_Left", "Side_Right", "Front_Right", "Side_Left", "Rear_Right"]
words = [soundfile.read(f"{sys.argv[1]}/{name}.wav")[0] for name in names]
soundfile.write("ours.wav", numpy.concatenate(words), 48000)
soundfile.write("theirs.wav", numpy.concatenate(words[::-1]), 48000)
END

# baresip's folder: configure ENCRYPTION
configure()
{
    rm -rf phone
    mkdir phone
    touch phone/contacts
    echo "<sip:phone@127.0.0.1>;regint=0;answermode=auto;mediaenc=$1;audio_codecs=opus/48000/2" \
        >phone/accounts
    cat >phone/config <<END
sip_listen 127.0.0.1:$((port + 1))
audio_source aufile,$dir/theirs.wav
audio_player aufile,/dev/null
audio_alert aufile,/dev/null
ausrc_srate 48000
auplay_srate 48000
ausrc_channels 1
auplay_channels 1
audio_jitter_buffer_type fixed
audio_jitter_buffer_delay 1-4
module_path $modules
module opus.so
module aufile.so
module sndfile.so
module dtls_srtp.so
module srtp.so
module_tmp account.so
module_app menu.so
snd_path $dir/phone
opus_bitrate 32000
END
}

heard()
{
    printf '%-38s ' "$1"
    python3 "$here/heard.py" "$2" "$3" $least || failed=1
}

# compare NAME: what both sides have recorded
compare()
{
    heard "$1, heard by baresip" ours.wav "$(ls phone/dump-*-dec.wav)"
    heard "$1, heard by Ravel" theirs.wav ravel.wav
    grep -o '"codec":"[a-z]*"\|"security":"[a-z-]*"\|"suite":"[A-Z_0-9]*"' ravel.json | tr '\n' ' '
    echo
}

# ravel_calls ENCRYPTION OPTION...: the peer is baresip
ravel_calls()
{
    configure "$1"
    encryption=$1
    shift
    baresip -f phone -t 20 </dev/null >phone/log 2>&1 &
    sleep 2
    XDG_CONFIG_HOME=$dir/keys-$encryption "$ravel" call -q --play ours.wav --record ravel.wav --json \
        --duration 7 "$@" "sip:phone@127.0.0.1:$((port + 1))" </dev/null >ravel.json
    wait
    compare "Ravel calls, $encryption"
}

# baresip_calls ENCRYPTION OPTION...: Ravel answers
baresip_calls()
{
    configure "$1"
    encryption=$1
    shift
    XDG_CONFIG_HOME=$dir/keys-$encryption "$ravel" call -q --listen --once --auto-answer --port "$port" \
        --address 127.0.0.1 --play ours.wav --record ravel.wav --json --duration 7 "$@" \
        </dev/null >ravel.json &
    sleep 1
    baresip -f phone -t 12 -e "/dial sip:ravel@127.0.0.1:$port" </dev/null >phone/log 2>&1
    wait
    compare "baresip calls, $encryption"
}

ravel_calls dtls_srtp
baresip_calls dtls_srtp
ravel_calls srtp-mand --sdes
baresip_calls srtp-mand --sdes
exit $failed
