# SPDX-License-Identifier: BSD-3-Clause
# Completion of ravel(1) for bash.

_ravel_options()
{
    local common="--model --directory --progress --quiet --help"
    case $1 in
        encode)
            echo "--bitrate --codebooks --quality --target --entropy --channels --tag --block --raw" \
                "--raw-rate --raw-channels --raw-bits $common"
            ;;
        decode) echo "--start --duration --bitrate --rate --bits --predict-fine --seed $common" ;;
        tokens)
            echo "--format --layout --delays --base --numbers --begin --end --codebooks --files-from --null" \
                "--manifest --kaldi --tar --jobs --batch --shard --per-file --resume --report --stats" \
                "--picture --json $common"
            ;;
        detokens) echo "--to --bits --jobs $common" ;;
        info) echo "--json --bitrate --model --help" ;;
        import) echo "--output --set --weights --help" ;;
        compare) echo "--json --png --model --quiet --help" ;;
        bench) echo "--json --model --seconds --help" ;;
        live)
            echo "--list-devices --input --output --block --bitrate --loss --burst --record --duration --json" \
                "--model --progress --quiet --help"
            ;;
        call)
            echo "--listen --once --auto-answer --port --address --account --password-file --timeout --duration" \
                "--bitrate --packet --redundancy --dtx --opus --sdes --clear --ice --stun --list-devices" \
                "--input --output --block --no-echo-cancel --play --record --json --verbose --model" \
                "--progress --quiet --help"
            ;;
    esac
}

# What may follow an option; nothing where that is a number or a text of one's own.
_ravel_values()
{
    case $1 in
        --channels) echo "mix keep" ;;
        --entropy) echo "none static prior" ;;
        --progress) echo "none bar json" ;;
        --redundancy) echo "auto on off" ;;
        --packet) echo "20 40 60 80" ;;
        --bits) echo "16 24 32 f32" ;;
        --raw-bits) echo "8 16 24 32 f32 f64" ;;
        --format) echo "npy rvl npz safetensors jsonl tar" ;;
        --layout) echo "parallel delay flat coarse-first interleaved" ;;
        --numbers) echo "shared apart places" ;;
        --to) echo "wav flac ogg opus mp3 aiff" ;;
        --weights) echo "f16 i8" ;;
        --raw-rate | --rate) echo "8000 16000 24000 44100 48000" ;;
    esac
}

_ravel()
{
    local word=${COMP_WORDS[COMP_CWORD]} last=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    if [ "$COMP_CWORD" -eq 1 ]; then
        mapfile -t COMPREPLY < <(compgen -W "encode decode tokens detokens info import compare bench live call --help --version" -- "$word")
        return
    fi
    case $last in
        --channels | --entropy | --progress | --bits | --raw-bits | --raw-rate | --rate | --format | --layout | --numbers | --to | --weights)
            mapfile -t COMPREPLY < <(compgen -W "$(_ravel_values "$last")" -- "$word")
            return
            ;;
        -d | --directory | --kaldi)
            compopt -o filenames
            mapfile -t COMPREPLY < <(compgen -d -- "$word")
            return
            ;;
        -b | --bitrate | -k | --codebooks | --quality | --target | --tag | --block | --raw-channels | -s | --start | \
            -t | --duration | -r | --seconds | --delays | --base | -j | --jobs | --batch | --shard | --per-file)
            return
            ;;
    esac
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_ravel_options "${COMP_WORDS[1]}")" -- "$word")
        return
    fi
    compopt -o filenames
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
    if [ "${COMP_WORDS[1]}" = import ] && [ "$COMP_CWORD" -eq 2 ]; then
        mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "dac dualcodec encodec focalcodec hificodec languagecodec lyra mimi nemo ravel snac sqcodec wavtokenizer" -- "$word")
    fi
}

complete -F _ravel ravel
